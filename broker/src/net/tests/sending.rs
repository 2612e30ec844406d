//! Replies of bytes and file regions.

use std::time::Instant;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn regions_arrive_exactly_between_their_heads_and_never_pass_through_user_space() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.send(&[frame(1, "regions", 0), frame(2, "echo", 0), frame(3, "regions", 0)].concat()).await;
    let content = &served.content;
    let expected = [
        b"#",
        &content[..10],
        b"#",
        &content[100_000..170_000],
        b"#",
        &content[5..6],
        b"#",
        &content[300_000..1_000_000],
    ];
    let expected = expected.concat();
    assert_eq!(client.reply().await, (1, Bytes::from(expected.clone())));
    assert_eq!(client.reply().await.0, 2);
    assert_eq!(client.reply().await, (3, Bytes::from(expected)));
    assert_eq!(served.metrics.bytes_out_sendfile.value(), 2 * (10 + 70_000 + 1 + 700_000));
    assert_eq!(served.metrics.bytes_out_copied.value(), 2 * (8 + 4) + 8);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_without_regions_is_one_write() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    for id in 0..100 {
        client.command(id, "echo").await;
        assert_eq!(client.reply().await.0, id);
    }
    assert_eq!(served.metrics.write_calls.value(), 100);
    assert_eq!(served.metrics.read_calls.value(), 100);
    assert_eq!(served.metrics.bytes_out_sendfile.value(), 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_reply_of_several_regions_arrives_at_once() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    let mut buffer = vec![0; 10_000];
    for id in 0..100 {
        client.command(id, "crumbs").await;
        assert_eq!(client.0.read(&mut buffer).await.unwrap(), 4 + 4 + 4 + 10 + 100 + 30 + 1);
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything_as_long_as_it_reads() {
    let served = Served::start(NetSettings { write_stall_timeout: Duration::from_secs(2), ..NetSettings::default() });
    let mut client = served.connect().await;
    client.command(1, "flood").await;
    let mut left = 4 + 4 + 1 + FILE_LEN;
    let mut buffer = vec![0; 1 << 20];
    let start = Instant::now();
    while left > 0 {
        let read = client.0.read(&mut buffer).await.unwrap();
        assert!(read > 0, "closed with {left} bytes to go");
        left -= read;
        // Slower than the server sends, for longer than the time-out in total.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(start.elapsed() > Duration::from_secs(2));
    client.command(2, "echo").await;
    assert_eq!(client.reply().await.0, 2);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_closed() {
    let served =
        Served::start(NetSettings { write_stall_timeout: Duration::from_millis(50), ..NetSettings::default() });
    let mut client = served.connect().await;
    client.command(1, "flood").await;
    served.until(|metrics| metrics.connections_closed_for_cause.value() == 1).await;
    served.until(|metrics| metrics.connections_open.value() == 0).await;
    assert!(served.metrics.bytes_out_sendfile.value() < FILE_LEN as u64);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_not_in_its_file_any_more_closes_the_connection() {
    let served = Served::start(NetSettings::default());
    let mut client = served.connect().await;
    client.command(1, "truncated").await;
    let mut received = Vec::new();
    client.0.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), 4 + 4 + 1 + 10);
    served.until(|metrics| metrics.connections_closed_for_cause.value() == 1).await;
    served.stop().await;
}
