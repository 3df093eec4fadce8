//! The annotation of a segment, and assertions about it.

use dissector_core::connection::{Annotation, Finding, Repeat, RstReason, Stage};

/// The annotation of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Reported(pub Annotation);

impl Reported {
    /// Asserts its stage, and the client's and the server's state, with `?` if it is assumed.
    #[track_caller]
    pub fn is(self, stage: Stage, client: &str, server: &str) -> Self {
        let shown = (self.0.stage, self.0.client.to_string(), self.0.server.to_string());
        assert_eq!(shown, (stage, client.into(), server.into()));
        self
    }

    /// Asserts its stage.
    #[track_caller]
    pub fn stage(self, stage: Stage) -> Self {
        assert_eq!(self.0.stage, stage);
        self
    }

    /// Asserts whether it repeats another segment.
    #[track_caller]
    pub fn copy(self, copy: Repeat) -> Self {
        assert_eq!(self.0.copy, copy);
        self
    }

    /// Asserts that there is this finding.
    #[track_caller]
    pub fn has(self, finding: Finding) -> Self {
        let all: Vec<_> = self.0.findings.iter().collect();
        assert!(all.contains(&finding), "{finding:?} is not among {all:?}");
        self
    }

    /// Asserts that there is no such finding.
    #[track_caller]
    pub fn lacks(self, finding: Finding) -> Self {
        assert!(!self.0.findings.contains(finding), "{finding:?} is reported");
        self
    }

    /// Asserts the reason of an RST.
    #[track_caller]
    pub fn reason(self, reason: RstReason) -> Self {
        assert_eq!(self.0.rst_reason, Some(reason));
        self
    }

    /// Asserts the number of its connection.
    #[track_caller]
    pub fn of_connection(self, id: u32) -> Self {
        assert_eq!(self.0.connection, id);
        self
    }
}
