//! A page that is whole by itself: one style that all pages of kfimg share, the page's own, its few lines of script; nothing is fetched.
//! What is in its sections is the page's own.
//!
//! Its policy lets nothing else run or load (<https://www.w3.org/TR/CSP3/>), so a page is safe to open from a folder of somebody else.

use super::Html;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use std::fmt::Display;

/// Colours by day, by night and on paper; the page's frame, facts, tables.
const STYLE: &str = include_str!("style.css");

/// A section of a page: what addresses name it, its title, and what writes it.
pub type Section<T> = (&'static str, &'static str, fn(&T, &mut Html));

impl Html {
    /// What can be jumped to.
    pub fn navigation<T>(&mut self, sections: &[Section<T>]) {
        self.nest("nav", &[("aria-label", &"Sections")], |html| {
            for (id, title, _) in sections {
                html.element("a", &[("href", &format_args!("#{id}"))], title);
            }
        });
    }

    /// Sections, one after the other.
    pub fn sections<T>(&mut self, sections: &[Section<T>], shown: &T) {
        for (id, title, write) in sections {
            self.nest("section", &[("id", id)], |html| {
                html.element("h2", &[], title);
                write(shown, html);
            });
        }
    }
}

/// What is at the head of a page.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The page's own style, behind the one that all pages share.
    pub style: &'static str,
    /// The page's own script; most need none.
    pub script: Option<&'static str>,
}

impl Page {
    /// The whole page; `body` writes what is shown.
    #[must_use]
    pub fn write(self, title: impl Display, body: impl FnOnce(&mut Html)) -> String {
        let mut html = Html::default();
        html.raw("<!DOCTYPE html>\n");
        html.nest("html", &[("lang", &"en")], |html| {
            html.nest("head", &[], |html| self.head(html, title));
            html.nest("body", &[], |html| {
                body(html);
                if let Some(script) = self.script {
                    html.raw("<script>");
                    html.raw(script);
                    html.raw("</script>");
                }
            });
        });
        html.finish()
    }

    fn head(self, html: &mut Html, title: impl Display) {
        html.raw(
            "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        );
        html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
        html.open("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &self.policy())]);
        html.element("title", &[], title);
        html.raw("<style>");
        html.raw(STYLE);
        html.raw(self.style);
        html.raw("</style>");
    }

    /// It stands before what it judges.
    fn policy(self) -> String {
        let digest = |parts: &[&str]| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(parts.concat())));
        let script = self.script.map_or_else(|| "'none'".to_owned(), |script| digest(&[script]));
        format!(
            "default-src 'none'; style-src {}; script-src {script}; base-uri 'none'; form-action 'none'",
            digest(&[STYLE, self.style])
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, STYLE};

    #[test]
    fn a_page_has_its_styles_and_a_policy_that_knows_no_script() {
        let page = Page { style: "p { margin: 0; }", script: None };
        let text = page.write("a <b>", |html| html.element("p", &[], "x"));
        assert!(text.starts_with("<!DOCTYPE html>\n<html lang=\"en\"><head>") && text.ends_with("</body>\n</html>\n"));
        assert!(text.contains("<title>a &lt;b&gt;</title>") && text.contains("script-src &#39;none&#39;;"), "{text}");
        assert!(text.contains(&format!("<style>{STYLE}p {{ margin: 0; }}</style>")), "{text}");
        assert!(text.find("Content-Security-Policy") < text.find("<style>"));
    }
}
