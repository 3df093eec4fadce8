//! What lies around a TCP segment, and whether the command promises to open it.

use tests::OPENED_LAYERS;

/// The layers that are not promised, joined; `None` where everything is.
pub fn unopened(protocols: &str, in_fragments: bool) -> Option<String> {
    let layers: Vec<_> = protocols.split(':').collect();
    let tcp = layers.iter().position(|layer| *layer == "tcp").map_or(layers.len(), |at| at + 1);
    let layers = &layers[..tcp];
    let mut strange: Vec<_> =
        layers.iter().copied().filter(|layer| !OPENED_LAYERS.contains(layer)).collect();
    if layers.iter().filter(|layer| ["ip", "ipv6"].contains(layer)).count() > 1 {
        strange.push("IP in IP");
    }
    if in_fragments {
        strange.push("fragments");
    }
    (!strange.is_empty()).then(|| strange.join(", "))
}
