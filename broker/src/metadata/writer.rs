//! The thread that decides, writes, commits and answers.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::decide::Rules;
use super::journal::Journal;
use super::{Command, Committed, Image, Listener, ProposeError};

/// No more commands join an fsync that has this many, which bounds the size of a frame to these and one request's.
const GROUP_MAX: usize = 256;

/// A command and who waits for it.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Committed, ProposeError>>,
}

#[derive(Debug)]
enum Message {
    /// What is to be committed together.
    Propose(Vec<Proposal>),
    Stop,
}

/// The way to the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    messages: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        journal: Journal,
        published: Arc<ArcSwap<Image>>,
        rules: Rules,
        listener: Listener,
    ) -> std::io::Result<Self> {
        let (messages, inbox) = mpsc::channel();
        let mut commits = Commits { image: published.load_full(), journal, published, rules, listener };
        let thread = thread::Builder::new().name("metadata".to_owned()).spawn(move || commits.run(&inbox))?;
        Ok(Writer { messages, thread: Mutex::new(Some(thread)) })
    }

    /// Once the thread is gone, nobody keeps the proposals, and who waits for their answers sees that.
    pub(super) fn submit(&self, proposals: Vec<Proposal>) {
        let _ = self.messages.send(Message::Propose(proposals));
    }

    /// Returns when everything that was submitted before is answered and the thread is gone.
    pub(super) fn stop(&self) {
        // The thread may be gone already: then there is nobody to tell.
        let _ = self.messages.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the metadata thread had panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The writer thread's own state.
struct Commits {
    journal: Journal,
    image: Arc<Image>,
    published: Arc<ArcSwap<Image>>,
    rules: Rules,
    listener: Listener,
}

impl Commits {
    fn run(&mut self, inbox: &Receiver<Message>) {
        while let Ok(Message::Propose(first)) = inbox.recv() {
            let mut group = first;
            let mut stop = false;
            while group.len() < GROUP_MAX && !stop {
                match inbox.try_recv() {
                    Ok(Message::Propose(proposals)) => group.extend(proposals),
                    Ok(Message::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            self.commit(group);
            if stop {
                break;
            }
            if self.journal.wants_snapshot() {
                self.snapshot();
            }
        }
        self.snapshot();
    }

    /// Decides a group of proposals one after the other, each against what the ones before lead to, and answers all of
    /// them, the refused ones too, when that is durable.
    fn commit(&mut self, group: Vec<Proposal>) {
        let mut image = Image::clone(&self.image);
        let mut entries = Vec::new();
        let mut answers = Vec::with_capacity(group.len());
        for Proposal { command, reply } in group {
            let answer = self.rules.decide(&image, &command).map(|decision| {
                for entry in decision.entries {
                    image.apply(entry.clone());
                    entries.push(entry);
                }
                decision.committed
            });
            answers.push((reply, answer.map_err(ProposeError::Refused)));
        }
        let written =
            if entries.is_empty() { Ok(()) } else { self.journal.append(self.image.last_entry + 1, &entries) };
        if let Err(error) = &written {
            tracing::error!(%error, "the metadata journal could not be written");
        } else if !entries.is_empty() {
            let before = std::mem::replace(&mut self.image, Arc::new(image));
            (self.listener)(&before, &self.image);
            self.published.store(self.image.clone());
        }
        for (reply, answer) in answers {
            let answer =
                written.as_ref().map_or_else(|error| Err(ProposeError::Storage(error.to_string())), |()| answer);
            // Nobody waits for the answer any more when the connection is gone.
            let _ = reply.send(answer);
        }
    }

    fn snapshot(&mut self) {
        if let Err(error) = self.journal.snapshot(&self.image) {
            tracing::warn!(%error, "the metadata snapshot could not be written; the journal keeps what it would hold");
        }
    }
}
