//! Titles of chats: the person's own, or the first words of the first question.

/// The longest title, in characters.
const MAX_CHARACTERS: usize = 120;
/// The length of a title taken from a question, in characters.
const DERIVED_CHARACTERS: usize = 48;

/// One line, 1 to 120 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=MAX_CHARACTERS).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The first words of a question.
    pub fn from_question(question: &str) -> Self {
        let mut title = String::new();
        for word in question.split_whitespace() {
            let word: String = word.chars().filter(|character| !character.is_control()).collect();
            if !title.is_empty() && title.chars().count() + word.chars().count() >= DERIVED_CHARACTERS {
                title.push('…');
                break;
            }
            if !title.is_empty() {
                title.push(' ');
            }
            title.extend(word.chars().take(DERIVED_CHARACTERS));
        }
        Self(if title.is_empty() { "New chat".to_owned() } else { title })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Title> for String {
    fn from(title: Title) -> Self {
        title.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_from_questions_are_short_lines_of_whole_words() {
        assert_eq!(Title::from_question("What is\n the capital?").as_str(), "What is the capital?");
        let long = Title::from_question(&"seven letters ".repeat(20));
        assert!(long.as_str().ends_with('…') && long.as_str().chars().count() <= DERIVED_CHARACTERS + 1);
        assert_eq!(Title::from_question(" \u{0} ").as_str(), "New chat");
        assert_eq!(Title::from_question(&"x".repeat(500)).as_str().chars().count(), DERIVED_CHARACTERS);
    }

    #[test]
    fn titles_of_people_are_one_line() {
        assert!(Title::parse("  Weekly report ").is_some_and(|title| title.as_str() == "Weekly report"));
        for text in ["", " ", "a\nb", &"x".repeat(121)] {
            assert_eq!(Title::parse(text), None, "{text:?}");
        }
    }
}
