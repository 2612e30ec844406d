use std::sync::Mutex;

use super::*;

fn options(data_dir: &std::path::Path) -> MetadataOptions {
    MetadataOptions {
        data_dir: data_dir.to_owned(),
        node_id: 1,
        default_partitions: 1,
        offsets_segment_bytes: 100 << 20,
        topic_defaults: TopicDefaults::default(),
        broker_settings: Vec::new(),
    }
}

fn open(data_dir: &std::path::Path) -> Metadata {
    Metadata::open(options(data_dir), Box::new(|_, _| ())).unwrap()
}

fn create(metadata: &Metadata, name: &str) -> Arc<TopicMetadata> {
    let committed = metadata.propose_blocking(Command::CreateTopic(NewTopic::named(name))).unwrap();
    committed.topic().unwrap().clone()
}

#[test]
fn the_state_survives_a_restart_and_a_stop_leaves_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = open(dir.path());
    let kept = create(&metadata, "kept");
    let gone = create(&metadata, "gone");
    metadata.propose_blocking(Command::DeleteTopic { id: gone.id }).unwrap();
    metadata.propose_blocking(Command::AllocateProducerIds).unwrap();
    let before = metadata.image();
    metadata.stop();
    assert_eq!(std::fs::metadata(dir.path().join("metadata.log")).unwrap().len(), 12, "the log was emptied");

    let after = open(dir.path()).image();
    assert_eq!(after, before);
    assert_eq!(after.topic_by_id(kept.id), Some(&kept));
    assert!(after.was_deleted(gone.id) && after.cluster_id.len() == 22);
}

#[test]
fn a_crash_loses_nothing_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = open(dir.path());
    create(&metadata, "a");
    let before = metadata.image();
    // A copy of the files as they are while the writer still runs is what a crash would leave.
    let crashed = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("metadata.log"), crashed.path().join("metadata.log")).unwrap();
    assert_eq!(open(crashed.path()).image(), before);
}

#[tokio::test]
async fn proposals_made_together_are_all_committed_in_some_order() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = Arc::new(open(dir.path()));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let metadata = metadata.clone();
        tasks.spawn(async move { metadata.propose(Command::AllocateProducerIds).await.unwrap() });
    }
    let mut firsts: Vec<i64> = tasks
        .join_all()
        .await
        .into_iter()
        .map(|committed| match committed {
            Committed::ProducerIds { first } => first,
            other => panic!("{other:?}"),
        })
        .collect();
    firsts.sort_unstable();
    assert!(firsts.iter().copied().eq((0..200).map(|block| block * PRODUCER_ID_BLOCK)));
}

#[test]
fn the_listener_has_followed_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let followed = Arc::new(Mutex::new(Vec::new()));
    let seen = followed.clone();
    let listener = Box::new(move |_: &Arc<Image>, image: &Arc<Image>| seen.lock().unwrap().push(image.topics().len()));
    let metadata = Metadata::open(options(dir.path()), listener).unwrap();
    create(&metadata, "a");
    assert_eq!(*followed.lock().unwrap(), [1]);
    create(&metadata, "b");
    assert_eq!(*followed.lock().unwrap(), [1, 2]);
}

#[tokio::test]
async fn commands_of_one_request_are_answered_each_and_followed_once() {
    let dir = tempfile::tempdir().unwrap();
    let followed = Arc::new(Mutex::new(Vec::new()));
    let seen = followed.clone();
    let listener = Box::new(move |before: &Arc<Image>, after: &Arc<Image>| {
        seen.lock().unwrap().push((before.topics().len(), after.topics().len()));
    });
    let metadata = Metadata::open(options(dir.path()), listener).unwrap();
    let names = ["a", "b", "a", "c"];
    let commands = names.map(|name| Command::CreateTopic(NewTopic::named(name))).to_vec();
    let answers = metadata.propose_all(commands.clone()).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
    assert_eq!(*followed.lock().unwrap(), [(0, 3)]);
    metadata.stop();
    assert_eq!(metadata.propose_all(commands).await, vec![Err(ProposeError::Stopped); 4]);
}

#[test]
fn of_two_that_create_one_name_the_second_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = open(dir.path());
    let command = Command::CreateTopic(NewTopic::named("a"));
    assert!(metadata.validate(&command).is_ok());
    assert!(metadata.image().topic("a").is_none(), "validation changes nothing");
    metadata.propose_blocking(command.clone()).unwrap();
    let refused = metadata.propose_blocking(command);
    assert_eq!(refused, Err(ProposeError::Refused(Refusal::TopicExists { name: "a".to_owned() })));
}

#[test]
fn a_stopped_journal_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = open(dir.path());
    metadata.stop();
    assert_eq!(metadata.propose_blocking(Command::AllocateProducerIds), Err(ProposeError::Stopped));
}
