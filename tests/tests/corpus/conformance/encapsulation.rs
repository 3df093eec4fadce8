//! The layers around a TCP segment, and whether the command promises to open them.

use tests::OPENED_LAYERS;

/// The layers that are not promised, joined; `None` where everything is.
pub fn unopened(protocols: &str) -> Option<String> {
    let layers: Vec<_> = protocols.split(':').collect();
    let tcp = layers.iter().position(|layer| *layer == "tcp").map_or(layers.len(), |at| at + 1);
    let strange: Vec<_> =
        layers[..tcp].iter().copied().filter(|layer| !OPENED_LAYERS.contains(layer)).collect();
    (!strange.is_empty()).then(|| strange.join(", "))
}
