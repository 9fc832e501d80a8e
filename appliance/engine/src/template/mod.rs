//! Chat templates: a file's own Jinja text, run with limits, and turned into tokens so that content stays text.
//!
//! The text of a template is as untrusted as the file: it gets fuel, bounded output, no clock, no file and no
//! other template.

mod guard;

pub(crate) use guard::Guard;

use crate::{Error, Turn};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, context};
use std::io::{self, Write};

const NAME: &str = "chat";
/// Steps of the interpreter; real templates take some thousands a chat and some tens a turn.
const FUEL: u64 = 1_000_000;
const FUEL_PER_TURN: u64 = 1_000;
/// Output beyond twice the content.
const OUTPUT: usize = 256 << 10;

/// A model's chat template.
pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl Template {
    /// Compiles `source`; `bos` and `eos` are the names that it may write.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Template, Error> {
        let mut environment = Environment::new();
        let syntax =
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(refusal)?;
        environment.set_syntax(syntax);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |why: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, why))
        });
        environment.add_template_owned(NAME, source.to_owned()).map_err(refusal)?;
        Ok(Template { environment, bos: bos.to_owned(), eos: eos.to_owned() })
    }

    /// The chat as text, followed by the opening of the assistant's answer.
    ///
    /// # Errors
    /// [`Error::Template`] with the template's own words where it refuses the turns, and where it exceeds a limit.
    pub fn render(&self, turns: &[Turn]) -> Result<String, Error> {
        let contents = turns.iter().map(|turn| turn.content.as_str());
        self.render_contents(turns, contents)
    }

    /// As [`Template::render`], with other contents than the turns' own.
    pub(crate) fn render_contents<'a, C: AsRef<str> + 'a>(
        &self,
        turns: &[Turn],
        contents: impl Iterator<Item = C>,
    ) -> Result<String, Error> {
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL + FUEL_PER_TURN * turns.len() as u64));
        let mut length = 0;
        let mut messages = Vec::with_capacity(turns.len());
        for (turn, content) in turns.iter().zip(contents) {
            let content = content.as_ref();
            length += content.len();
            messages.push(context! { role => turn.role.name(), content => content });
        }
        let variables = context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let mut text = Bounded { bytes: Vec::new(), limit: 2 * length + OUTPUT };
        let template = environment.get_template(NAME).map_err(refusal)?;
        template.render_captured_to(variables, &mut text).map_err(refusal)?;
        String::from_utf8(text.bytes).map_err(|_| Error::Template("wrote text that is not UTF-8".to_owned()))
    }
}

/// A template's failure, in its own words.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refusal(error: minijinja::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::OutOfFuel => "takes too many steps".to_owned(),
        ErrorKind::WriteFailure => "writes too much".to_owned(),
        _ => error.detail().map_or_else(|| error.to_string(), str::to_owned),
    };
    Error::Template(why)
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    fn turns(contents: &[&str]) -> Vec<Turn> {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        roles.zip(contents).map(|(role, content)| Turn { role, content: (*content).to_owned() }).collect()
    }

    fn render(source: &str, contents: &[&str]) -> Result<String, Error> {
        Template::new(source, "<s>", "</s>")?.render(&turns(contents))
    }

    fn refused(source: &str) -> String {
        match render(source, &["x"]) {
            Err(Error::Template(why)) => why,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn python_methods_trimmed_blocks_and_token_names_work() {
        let source = "{{ bos_token }}{% for m in messages %}\n  {% if m.content.startswith(' ') %}\n[{{ m['role'] }}]{{ \
                      m.content.strip() | upper }}{{ eos_token }}\n  {% endif %}{% endfor %}";
        assert_eq!(render(source, &[" a ", "b"]).unwrap(), "<s>[user]A</s>\n");
    }

    #[test]
    fn a_template_may_refuse_in_its_own_words() {
        assert_eq!(refused("{{ raise_exception('roles must alternate') }}"), "roles must alternate");
    }

    #[test]
    fn an_endless_template_is_stopped() {
        assert_eq!(
            refused("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"),
            "takes too many steps"
        );
    }

    #[test]
    fn megabytes_of_output_are_refused() {
        assert_eq!(refused("{% for a in range(999) %}{{ 'x' * 9999 }}{% endfor %}"), "writes too much");
    }

    #[test]
    fn there_is_no_clock_and_no_other_template() {
        assert_eq!(render("{% if strftime_now is defined %}now{% endif %}", &[]).unwrap(), "");
        refused("{% include 'other' %}");
        assert!(matches!(Template::new("{% if %}", "", ""), Err(Error::Template(_))));
    }
}
