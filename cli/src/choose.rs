//! Reading captures to find the connections that are asked for, before they are read again.

use std::path::PathBuf;

use crate::Failure;
use crate::filter::{Filter, Numbers};
use crate::follow;
use crate::input::{Input, can_be_read_again};

/// The numbers of the connections that `filter` takes by how they went.
pub fn by_outcome(files: &[PathBuf], filter: &Filter) -> Result<Numbers, Failure> {
    if !can_be_read_again(files) {
        return Err(Failure::Usage(
            "--failed and --outcome read the captures twice here, which only files allow".into(),
        ));
    }
    let mut numbers = Numbers::default();
    let ending = follow::connections(Input::open(files, true)?, |ended| {
        let connection = ended.connection;
        if filter.takes(connection, connection.verdict(ended.now_ns).outcome) {
            numbers.insert(connection.id());
        }
        Ok(())
    })?;
    // What could not be read is said when the captures are read again.
    drop(ending);
    Ok(numbers)
}
