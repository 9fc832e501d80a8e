//! From a branch of messages to the prompt that the model reads.

use redoubt_engine::{Role as TurnRole, Turn};
use redoubt_store::messages::{Message, Role};

/// The branch that ends with `last`: from the first question down, oldest first.
///
/// A message whose parent is missing starts the branch, so that a damaged tree is still readable.
pub(super) fn branch<'a>(messages: &'a [Message], last: Option<&str>) -> Vec<&'a Message> {
    let mut branch = Vec::new();
    let mut next = last;
    while let Some(message) = next.and_then(|id| messages.iter().find(|message| message.id == id)) {
        // Parents are older than their children, so a circle cannot be, short of a damaged store.
        if branch.len() > messages.len() {
            break;
        }
        branch.push(message);
        next = message.parent.as_deref();
    }
    branch.reverse();
    branch
}

/// The turns of a branch. Answers that came to nothing are left out, with the questions they belong to.
pub(super) fn turns(branch: &[&Message], question: Option<&str>) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for message in branch {
        match message.role {
            Role::User => {
                // Two questions in a row: the first one was never answered.
                if turns.last().is_some_and(|turn| turn.role == TurnRole::User) {
                    turns.pop();
                }
                turns.push(Turn { role: TurnRole::User, content: message.content.clone() });
            }
            // Stopped before its first word, or failed: as if it had not been asked.
            Role::Assistant if message.content.is_empty() => {
                turns.pop();
            }
            Role::Assistant => {
                turns.push(Turn { role: TurnRole::Assistant, content: message.content.clone() });
            }
        }
    }
    if let Some(question) = question {
        if turns.last().is_some_and(|turn| turn.role == TurnRole::User) {
            turns.pop();
        }
        turns.push(Turn { role: TurnRole::User, content: question.to_owned() });
    }
    turns
}
