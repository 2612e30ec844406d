//! Requests of one connection, their replies, and the connection's orderly end.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_order_and_leave_together() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    let requests: Vec<u8> = (0..50).flat_map(|id| frame(id, "echo", 20)).collect();
    client.send(&requests).await;
    for id in 0..50 {
        assert_eq!(client.reply().await.0, id);
    }
    assert!(served.metrics.write_calls.value() <= 10, "{} writes", served.metrics.write_calls.value());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_holds_back_the_later_ones_but_not_the_earlier_replies() {
    let mut served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    let requests = [frame(1, "echo", 0), frame(2, "wait", 0), frame(3, "echo", 0)].concat();
    client.send(&requests).await;
    assert_eq!(client.reply().await.0, 1);
    assert_eq!(served.waits.recv().await, Some(Wait::Started));
    served.service.gate.add_permits(1);
    assert_eq!(client.reply().await.0, 2);
    assert_eq!(client.reply().await.0, 3);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_may_arrive_byte_by_byte() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.0.set_nodelay(true).unwrap();
    for byte in frame(8, "echo", 3) {
        client.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.reply().await.0, 8);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_all_sizes_arrive_whole() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    let lens = [0, 100, 4_000, 16_300, 16_384, 17_000, 100_000, 262_000, 300_000, 5_000_000, 10, 70_000, 0];
    for (id, len) in lens.into_iter().enumerate() {
        client.send(&frame(id as i32, "echo", len)).await;
        assert_eq!(client.reply().await.0, id as i32);
    }
    let pipelined: Vec<u8> = lens.into_iter().enumerate().flat_map(|(id, len)| frame(id as i32, "echo", len)).collect();
    client.send(&pipelined).await;
    for id in 0..lens.len() {
        assert_eq!(client.reply().await.0, id as i32);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_reply_is_followed_by_the_next_one() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.command(1, "silent").await;
    client.command(2, "echo").await;
    assert_eq!(client.reply().await.0, 2);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_shuts_down_its_sending_side_still_gets_its_replies() {
    let mut served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.send(&[frame(1, "wait", 0), frame(2, "regions", 0), frame(3, "echo", 0)].concat()).await;
    client.0.shutdown().await.unwrap();
    assert_eq!(served.waits.recv().await, Some(Wait::Started));
    served.service.gate.add_permits(1);
    for id in 1..=3 {
        assert_eq!(client.reply().await.0, id);
    }
    assert!(client.is_closed().await);
    assert_eq!(served.metrics.connections_closed_for_cause.value(), 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_client_is_not_waited_for_forever() {
    let mut served =
        Served::start(NetSettings { half_closed_timeout: Duration::from_millis(20), ..NetSettings::default() });
    let mut client = served.connect().await;
    client.command(1, "wait").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(served.waits.recv().await, Some(Wait::Started));
    assert_eq!(served.waits.recv().await, Some(Wait::Dropped));
    assert!(client.is_closed().await);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_drops_the_request_in_progress() {
    let mut served = Served::start(NetSettings::default());
    for ahead in [0, 100_000] {
        let mut client = served.connect().await;
        client.command(1, "wait").await;
        assert_eq!(served.waits.recv().await, Some(Wait::Started));
        // With a full read-ahead buffer, too, the reset is noticed.
        client.send(&vec![0; ahead]).await;
        socket2::SockRef::from(&client.0).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(served.waits.recv().await, Some(Wait::Dropped));
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_holds_no_memory_until_then() {
    let served = Served::start(NetSettings { idle_timeout: Duration::from_millis(50), ..NetSettings::default() });
    let mut client = served.connect().await;
    client.command(1, "echo").await;
    assert_eq!(client.reply().await.0, 1);
    assert!(client.is_closed().await);
    assert_eq!(served.metrics.connections_closed_for_cause.value(), 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_in_progress_finish_and_closes_the_rest() {
    let mut served = Served::start(NetSettings::default());
    let mut idle = served.connect().await;
    idle.command(1, "echo").await;
    assert_eq!(idle.reply().await.0, 1);
    let mut busy = served.connect().await;
    busy.command(2, "wait").await;
    assert_eq!(served.waits.recv().await, Some(Wait::Started));
    let (service, address) = (Arc::clone(&served.service), served.address);
    let stopping = tokio::spawn(served.stop());
    assert!(idle.is_closed().await);
    assert!(TcpStream::connect(address).await.is_err());
    service.gate.add_permits(1);
    assert_eq!(busy.reply().await.0, 2);
    assert!(busy.is_closed().await);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_ever() {
    let mut served =
        Served::start(NetSettings { shutdown_timeout: Duration::from_millis(20), ..NetSettings::default() });
    let mut client = served.connect().await;
    client.command(1, "wait").await;
    assert_eq!(served.waits.recv().await, Some(Wait::Started));
    served.stop().await;
    assert!(client.is_closed().await);
}
