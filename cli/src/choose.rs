//! The connections that are asked for: whether there are such, and which they are.

use crate::Failure;
use crate::args::{Select, Source};
use crate::filter::{Filter, Numbers};
use crate::follow::{self, Ended};
use crate::input::{Input, can_be_read_again};

/// Refuses numbers of connections that there are not, when it is known how many there are.
pub fn known(select: &Select, connections: u64) -> Result<(), Failure> {
    let is_missing = |conn: &&u32| u64::from(**conn) >= connections;
    let Some(missing) = select.conn.iter().find(is_missing) else { return Ok(()) };
    Err(Failure::Usage(match connections {
        0 => "there is no TCP connection in the capture".into(),
        1 => format!("there is no connection {missing}: there is one only, number 0"),
        _ => format!("there is no connection {missing}: there are {connections}, numbered from 0"),
    }))
}

/// The numbers of the connections that `filter` takes by how they went, for which the captures are
/// read once more than for what is told of them.
pub fn by_outcome(source: &Source, filter: &Filter) -> Result<Numbers, Failure> {
    if !can_be_read_again(&source.files) {
        return Err(Failure::Usage(
            "--failed and --outcome read the captures twice here, which only files allow".into(),
        ));
    }
    let mut numbers = Numbers::default();
    let input = Input::open(source, true)?;
    let names = input.names();
    let make = |ended: Ended<'_, '_>, wanted: &mut Vec<u32>| {
        let connection = ended.connection;
        if filter.takes(connection, connection.verdict_at(ended.now_ns).outcome) {
            wanted.push(connection.id());
        }
    };
    let ending = follow::connections(input, &names, make, |wanted| {
        wanted.drain(..).for_each(|number| numbers.insert(number));
        Ok(())
    })?;
    // What could not be read is said when the captures are read again.
    drop(ending);
    Ok(numbers)
}
