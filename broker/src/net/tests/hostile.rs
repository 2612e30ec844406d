//! Clients that are broken or mean harm; others do not notice.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_absurd_length_is_refused_at_once() {
    let served = Served::start(NetSettings::default());
    let absurd = [i32::MAX, (100 << 20) + 1, -1, i32::MIN];
    for (already_closed, length) in absurd.into_iter().enumerate() {
        let mut client = served.connect().await;
        client.send(&length.to_be_bytes()).await;
        assert!(client.is_closed().await, "{length}");
        served.until(|metrics| metrics.connections_closed_for_cause.value() == already_closed as u64 + 1).await;
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_no_request_closes_the_connection_after_the_earlier_replies() {
    let unknown_api = [0, 0, 0, 8, 0x7f, 0, 0, 0, 0, 0, 0, 1];
    for bad in [&[0, 0, 0, 0][..], &[0, 0, 0, 2, 1, 1], &unknown_api] {
        let served = Served::start(NetSettings::default());
        let mut client = served.connect().await;
        client.send(&[&frame(1, "echo", 0), bad].concat()).await;
        assert_eq!(client.reply().await.0, 1);
        assert!(client.is_closed().await);
        served.until(|metrics| metrics.connections_closed_for_cause.value() == 1).await;
        served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_can_close_the_connection_after_the_earlier_replies() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.send(&[frame(1, "echo", 0), frame(2, "close", 0)].concat()).await;
    assert_eq!(client.reply().await.0, 1);
    assert!(client.is_closed().await);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_handler_ends_its_connection_only() {
    let served = Served::start(NetSettings::default());
    let mut good = served.connect().await;
    let mut bad = served.connect().await;
    bad.command(1, "panic").await;
    assert!(bad.is_closed().await);
    good.command(1, "echo").await;
    assert_eq!(good.reply().await.0, 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_inside_a_frame_is_closed() {
    let served = Served::start(NetSettings { read_stall_timeout: Duration::from_millis(50), ..NetSettings::default() });
    for (already_closed, cut) in [1, 3, 4, 30].into_iter().enumerate() {
        let mut client = served.connect().await;
        client.send(&frame(1, "echo", 100)[..cut]).await;
        assert!(client.is_closed().await, "{cut}");
        served.until(|metrics| metrics.connections_closed_for_cause.value() == already_closed as u64 + 1).await;
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_ends_inside_a_frame_is_closed() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.send(&frame(1, "echo", 100)[..50]).await;
    client.0.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    served.until(|metrics| metrics.connections_closed_for_cause.value() == 1).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_length_takes_memory_only_as_its_bytes_arrive() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    let begun = begun_frame(1, "echo", 90 << 20, 1 << 20);
    client.send(&begun).await;
    served.until(|metrics| metrics.bytes_in.value() == begun.len() as u64).await;
    assert!(served.metrics.bytes_in_flight.value() <= 4 << 20, "{}", served.metrics.bytes_in_flight.value());
    drop(client);
    served.until(|metrics| metrics.bytes_in_flight.value() == 0).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_frames_share_a_small_budget_and_all_get_through() {
    let settings = NetSettings { max_bytes_in_flight: 1 << 20, ..NetSettings::default() };
    let served = Served::start(settings);
    let mut sending = Vec::new();
    for id in 0..20 {
        let mut client = served.connect().await;
        sending.push(tokio::spawn(async move {
            client.send(&frame(id, "echo", 900_000)).await;
            assert_eq!(client.reply().await.0, id);
        }));
    }
    for client in sending {
        client.await.unwrap();
    }
    assert_eq!(served.metrics.connections_closed_for_cause.value(), 0);
    served.until(|metrics| metrics.bytes_in_flight.value() == 0).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_sit_on_the_budget_are_closed_when_others_need_it() {
    let settings = NetSettings { max_bytes_in_flight: 1 << 20, ..NetSettings::default() };
    let served = Served::start(settings);
    let mut sitting = Vec::new();
    for _ in 0..8 {
        let mut client = served.connect().await;
        client.send(&begun_frame(0, "echo", 50 << 20, 100_000)).await;
        sitting.push(client);
    }
    served.until(|metrics| metrics.bytes_in_flight.value() >= 1 << 20).await;
    // What fits a connection's own buffer does not wait at all.
    let mut small = served.connect().await;
    small.command(1, "echo").await;
    assert_eq!(small.reply().await.0, 1);
    let mut large = served.connect().await;
    large.send(&frame(2, "echo", 500_000)).await;
    assert_eq!(large.reply().await.0, 2);
    assert!(served.metrics.connections_closed_for_cause.value() > 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_closed_at_once() {
    let served = Served::start(NetSettings { max_connections: 2, ..NetSettings::default() });
    let mut first = served.connect().await;
    let second = served.connect().await;
    served.until(|metrics| metrics.connections_open.value() == 2).await;
    assert!(served.connect().await.is_closed().await);
    drop(second);
    served.until(|metrics| metrics.connections_open.value() == 1).await;
    first.command(1, "echo").await;
    assert_eq!(first.reply().await.0, 1);
    let mut third = served.connect().await;
    third.command(2, "echo").await;
    assert_eq!(third.reply().await.0, 2);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_client_does_not_notice_hundreds_of_hostile_ones() {
    let settings = NetSettings {
        max_bytes_in_flight: 8 << 20,
        read_stall_timeout: Duration::from_millis(200),
        write_stall_timeout: Duration::from_millis(200),
        ..NetSettings::default()
    };
    let served = Served::start(settings);
    let mut good = served.connect().await;
    let mut hostile = Vec::new();
    for kind in 0..400 {
        let mut client = served.connect().await;
        match kind % 4 {
            0 => client.send(&i32::MAX.to_be_bytes()).await,
            1 => client.send(&begun_frame(1, "echo", 90 << 20, 20_000)).await,
            2 => client.command(1, "flood").await,
            _ => client.send(&[0, 0, 0, 60, 0, 12]).await,
        }
        hostile.push(client);
        good.command(kind, "regions").await;
        assert_eq!(good.reply().await.0, kind);
    }
    served.until(|metrics| metrics.connections_closed_for_cause.value() == 400).await;
    good.command(400, "echo").await;
    assert_eq!(good.reply().await.0, 400);
    assert_eq!(served.metrics.connections_open.value(), 1);
    served.stop().await;
}
