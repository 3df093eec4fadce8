//! Which sighting at one point is the same segment as which at the other.

use super::sighting::Sighting;
use crate::wire::TcpFlags;

/// The flags that tell kinds of segments apart; others may be rewritten (ECN).
const KIND: TcpFlags = TcpFlags::SYN.union(TcpFlags::FIN).union(TcpFlags::RST).union(TcpFlags::ACK);

/// Earlier sightings of the same content that one is compared with.
const MOST_CANDIDATES: usize = 64;

/// Pieces that one segment is put together from, at most.
const MOST_PIECES: usize = 1 << 10;

/// One direction of a connection at both points: at the one nearer the sender, and at the one farther
/// from it.
pub(super) struct Direction<'a> {
    pub near: Vec<&'a Sighting>,
    pub far: Vec<&'a Sighting>,
    /// The far point's sequence numbers less the near one's.
    pub sequence_shift: u32,
    /// The same for acknowledgment numbers.
    pub acknowledgment_shift: u32,
}

/// Whether a sighting may be the arrival of another, by the clocks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Passage {
    /// It would have arrived before it left.
    Impossible,
    /// The clocks are not known well enough to exclude it.
    Possible,
    /// It took no less time than others.
    Usual,
}

/// For each sighting, the one of the same segment at the other point.
pub(super) struct Links {
    pub far_of: Vec<Option<usize>>,
    pub near_of: Vec<Option<usize>>,
    /// The segments that arrived in other pieces, all of them or some.
    pub by_octets: Vec<bool>,
    /// The segments that others look like: which of them was joined with which is not certain.
    pub alike: Vec<bool>,
    /// By how much the TTL falls between the points, in most segments.
    pub usual_drop: Option<i16>,
}

impl Links {
    /// The places of both sightings of each segment that was seen at both points.
    pub fn linked(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.far_of.iter().enumerate().filter_map(|(near, far)| Some((near, (*far)?)))
    }
}

/// What two sightings of a segment have in common.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Content {
    sequence: u32,
    kind: u16,
    payload: u32,
    acknowledgment: u32,
    timestamps: Option<(u32, u32)>,
    id: Option<u16>,
    /// Of a bare ACK, which often has nothing else to tell it from others.
    window: Option<u16>,
}

impl Content {
    /// In the numbers of the near point.
    fn new(it: &Sighting, sequence_shift: u32, acknowledgment_shift: u32) -> Self {
        let acks = it.is(TcpFlags::ACK);
        Self {
            sequence: (it.sequence - sequence_shift).0,
            kind: (it.flags & KIND).bits(),
            payload: it.payload_octets,
            acknowledgment: if acks { (it.acknowledgment - acknowledgment_shift).0 } else { 0 },
            timestamps: it.timestamps(),
            id: it.identification(),
            window: it.is_bare_ack().then_some(it.window),
        }
    }

    /// Whether it is as good as unique: then it is the same segment, whatever the clocks say.
    fn is_unique(&self) -> bool {
        self.id.is_some() || self.timestamps.is_some()
    }

    /// Without the window, which some devices rewrite.
    fn without_window(self) -> Self {
        Self { window: None, ..self }
    }

    /// Without the identification, which some devices rewrite.
    fn without_id(self) -> Self {
        Self { id: None, ..self }
    }

    /// Only what a segment cannot lose on the way: options are taken out, the data of a SYN is dropped, and
    /// an acknowledgment number may be rewritten where something else tells the segment.
    fn core(self) -> Self {
        let kind = TcpFlags::from_bits(self.kind);
        let is_bare =
            self.payload == 0 && !kind.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
        // The RST of a closed port has the number 0, and a device adds its difference to that, too.
        let refuses = kind.contains(TcpFlags::RST | TcpFlags::ACK);
        if refuses {
            return Self { sequence: 0, timestamps: None, window: None, ..self };
        }
        Self {
            payload: if kind.contains(TcpFlags::SYN) { 0 } else { self.payload },
            acknowledgment: if is_bare { self.acknowledgment } else { 0 },
            timestamps: None,
            window: None,
            ..self
        }
    }
}

impl<'a> Direction<'a> {
    /// Joins the sightings of both points. `passage` says whether the second may be the arrival of the
    /// first, by the clocks.
    pub fn link(&self, passage: impl Fn(&Sighting, &Sighting) -> Passage) -> Links {
        let can_follow = |near: &Sighting, far: &Sighting| passage(near, far) > Passage::Impossible;
        let mut links = Links {
            far_of: vec![None; self.near.len()],
            near_of: vec![None; self.far.len()],
            by_octets: vec![false; self.near.len()],
            alike: vec![false; self.near.len()],
            usual_drop: None,
        };
        if self.link_all(&mut links, can_follow) {
            return links;
        }
        let is_rst = |it: &Sighting| it.is(TcpFlags::RST);
        // The TTL of the others tells whose an RST is.
        self.tier(&mut links, |it, content| (!is_rst(it)).then_some(content), &passage);
        links.usual_drop = self.usual_drop(&links);
        let drop = links.usual_drop;
        let fits = |near: &Sighting, far: &Sighting| {
            let same = near.timestamps().zip(far.timestamps()).is_none_or(|(a, b)| a == b);
            let dropped = i16::from(near.ttl) - i16::from(far.ttl);
            let whose = !is_rst(near) || drop.is_none_or(|drop| drop == dropped);
            // Only the number 0 stands for any.
            let shifted = far.sequence - self.sequence_shift;
            let number = !is_rst(near) || near.sequence.0 == 0 || near.sequence == shifted;
            if same && whose && number { passage(near, far) } else { Passage::Impossible }
        };
        self.tier(&mut links, |_, content| Some(content), fits);
        self.tier(&mut links, |_, content| Some(content.without_window()), fits);
        // A snap length or a device may have taken the timestamps.
        let without_timestamps = |content| Content { timestamps: None, window: None, ..content };
        let with_id = |content: Content| content.id.map(|_| without_timestamps(content));
        self.tier(&mut links, |_, content| with_id(content), fits);
        let keeps_id = |(near, _): (usize, usize)| self.near[near].identification().is_some();
        let keeps_ids = links.linked().any(keeps_id);
        let id = |content: Content| if keeps_ids { content } else { content.without_id() };
        self.tier(&mut links, |_, content| Some(id(content)), fits);
        let id = |content: Content| id(content.without_window());
        self.tier(&mut links, |_, content| Some(id(content)), fits);
        self.tier(&mut links, |_, content| Some(id(content).core()), fits);
        self.link_by_octets(&mut links, can_follow);
        links
    }

    /// Joins all sightings in order, if nothing was lost, changed or reordered, as in most connections:
    /// what the tiers do, found at once.
    fn link_all(
        &self,
        links: &mut Links,
        can_follow: impl Fn(&Sighting, &Sighting) -> bool,
    ) -> bool {
        let drop = |near: &Sighting, far: &Sighting| i16::from(near.ttl) - i16::from(far.ttl);
        let Some((first, arrived)) = self.near.first().zip(self.far.first()) else { return false };
        let usual = drop(first, arrived);
        let is_plain = self.near.len() == self.far.len()
            && self.near.iter().zip(&self.far).all(|(near, far)| {
                let shifted = Content::new(far, self.sequence_shift, self.acknowledgment_shift);
                Content::new(near, 0, 0) == shifted
                    && drop(near, far) == usual
                    && !near.is_second_capture()
                    && !far.is_second_capture()
                    && (shifted.is_unique() || can_follow(near, far))
            });
        if is_plain {
            links.far_of = (0..self.far.len()).map(Some).collect();
            links.near_of.clone_from(&links.far_of);
            let tells = self.near.iter().any(|it| !it.is(TcpFlags::RST));
            links.usual_drop = tells.then_some(usual);
        }
        is_plain
    }

    /// Joins what has no partner yet and the same key, the last ones first: of identical copies, the one
    /// that left last before the arrival.
    fn tier(
        &self,
        links: &mut Links,
        key: impl Fn(&Sighting, Content) -> Option<Content>,
        fits: impl Fn(&Sighting, &Sighting) -> Passage,
    ) {
        let mut entries = Vec::new();
        for (place, it) in self.near.iter().enumerate() {
            if links.far_of[place].is_none() {
                let content = key(it, Content::new(it, 0, 0));
                entries.extend(content.map(|content| (content, false, place)));
            }
        }
        if entries.is_empty() {
            return;
        }
        for (place, it) in self.far.iter().enumerate() {
            if links.near_of[place].is_none() {
                let shifted = Content::new(it, self.sequence_shift, self.acknowledgment_shift);
                entries.extend(key(it, shifted).map(|content| (content, true, place)));
            }
        }
        entries.sort_unstable();
        for group in entries.chunk_by(|(a, ..), (b, ..)| a == b) {
            let near_count = group.partition_point(|(_, is_far, _)| !is_far);
            let (near, far) = group.split_at(near_count);
            // A clock that was set back makes nothing of one segment two.
            if let ([(content, _, left)], [(.., came)]) = (near, far)
                && content.is_unique()
                && !self.near[*left].is(TcpFlags::RST)
            {
                links.far_of[*left] = Some(*came);
                links.near_of[*came] = Some(*left);
                continue;
            }
            let is_alike = near.iter().any(|(content, ..)| content.id.is_none());
            // Second captures are copies that need no partner, so the others come first.
            let (seconds, firsts): (Vec<_>, Vec<_>) = far
                .iter()
                .map(|(.., place)| *place)
                .partition(|it| self.far[*it].is_second_capture());
            // Where a device has doubled some, the first to come is the arrival.
            let sent = near.iter().filter(|(.., it)| !self.near[*it].is_second_capture()).count();
            if firsts.len() > sent {
                self.link_first(links, near, &firsts, &fits);
            }
            let firsts = firsts.into_iter().filter(|place| links.near_of[*place].is_none());
            let firsts: Vec<_> = firsts.collect();
            let mut from = near.len();
            for place in firsts.into_iter().rev().chain(seconds.into_iter().rev()) {
                let least = from.saturating_sub(MOST_CANDIDATES);
                // What the near point seems to have captured twice may be two packets, of which the
                // other did not arrive: it counts where nothing else fits.
                let with = |passage: Passage| {
                    let of_kind = |second: bool| {
                        near[least..from].iter().rev().map(|(.., place)| *place).find(|it| {
                            links.far_of[*it].is_none()
                                && self.near[*it].is_second_capture() == second
                                && fits(self.near[*it], self.far[place]) == passage
                        })
                    };
                    of_kind(false)
                        .or_else(|| of_kind(true).filter(|_| !self.far[place].is_second_capture()))
                };
                // A second capture is one more copy, unless it fits better than that.
                let is_second = self.far[place].is_second_capture();
                let candidate =
                    with(Passage::Usual).or_else(|| with(Passage::Possible).filter(|_| !is_second));
                if let Some(candidate) = candidate {
                    links.far_of[candidate] = Some(place);
                    links.near_of[place] = Some(candidate);
                }
                while from > 0 && links.far_of[near[from - 1].2].is_some() {
                    from -= 1;
                }
            }
            for (.., place) in near.iter().filter(|_| is_alike && group.len() > 2) {
                links.alike[*place] = links.far_of[*place].is_some();
            }
        }
    }

    /// Joins each of `near` with the first of `far` that may be its arrival.
    fn link_first(
        &self,
        links: &mut Links,
        near: &[(Content, bool, usize)],
        far: &[usize],
        fits: impl Fn(&Sighting, &Sighting) -> Passage,
    ) {
        let mut from = 0;
        for (.., left) in near {
            let until = far.len().min(from + MOST_CANDIDATES);
            let with = |passage: Passage| {
                far[from..until].iter().copied().find(|place| {
                    links.near_of[*place].is_none()
                        && fits(self.near[*left], self.far[*place]) == passage
                })
            };
            let came = with(Passage::Usual).or_else(|| with(Passage::Possible));
            if let Some(came) = came.filter(|_| !self.near[*left].is_second_capture()) {
                links.far_of[*left] = Some(came);
                links.near_of[came] = Some(*left);
            }
            while from < far.len() && links.near_of[far[from]].is_some() {
                from += 1;
            }
        }
    }

    /// Whether two segments with octets in common may be one that was cut or joined: then the rest of the
    /// header is the same.
    fn has_same_rest(&self, near: &Sighting, far: &Sighting) -> bool {
        let acknowledged = far.acknowledgment - self.acknowledgment_shift;
        near.timestamps() == far.timestamps()
            && near.acknowledgment == acknowledged
            && !far.is_second_capture()
    }

    fn usual_drop(&self, links: &Links) -> Option<i16> {
        let linked =
            links.far_of.iter().enumerate().filter_map(|(near, far)| Some((near, (*far)?)));
        let mut drops: Vec<_> = linked
            .map(|(near, far)| i16::from(self.near[near].ttl) - i16::from(self.far[far].ttl))
            .collect();
        drops.sort_unstable();
        let most = drops.chunk_by(i16::eq).max_by_key(|group| group.len())?;
        // One of two is no rule.
        (most.len() * 2 > drops.len()).then(|| most[0])
    }

    /// Joins data that passed in other pieces: offload sends one large segment and receives many small
    /// ones.
    fn link_by_octets(&self, links: &mut Links, can_follow: impl Fn(&Sighting, &Sighting) -> bool) {
        let is_data =
            |it: &Sighting| it.payload_octets > 0 && !it.is(TcpFlags::RST | TcpFlags::SYN);
        let Some(origin) = self.near.iter().find(|it| is_data(it)).map(|it| it.sequence) else {
            return;
        };
        let mut pieces: Vec<(i64, i64, usize)> = Vec::new();
        for (place, it) in self.far.iter().enumerate() {
            if links.near_of[place].is_none() && is_data(it) {
                let start = i64::from((it.sequence - self.sequence_shift).since(origin));
                pieces.push((start, start + i64::from(it.payload_octets), place));
            }
        }
        if pieces.is_empty() {
            return;
        }
        pieces.sort_unstable();
        // How far the pieces up to each reach: the first that reaches into a segment is found by it.
        let mut reach = i64::MIN;
        let reaches: Vec<_> = pieces
            .iter()
            .map(|(_, to, _)| {
                reach = reach.max(*to);
                reach
            })
            .collect();
        for near in 0..self.near.len() {
            let it = self.near[near];
            if links.far_of[near].is_some() || !is_data(it) || it.is_second_capture() {
                continue;
            }
            let start = i64::from(it.sequence.since(origin));
            let end = start + i64::from(it.payload_octets);
            let first = reaches.partition_point(|reach| *reach <= start);
            let inside = &pieces[first..pieces.len().min(first + MOST_PIECES)];
            let mut covered = start;
            let mut used = Vec::new();
            for &(from, to, place) in inside {
                if from >= end {
                    break;
                }
                // One of the same octets would have been found to be this segment; it is another copy.
                let is_copy = (from, to) == (start, end);
                let is_part = !is_copy && self.has_same_rest(it, self.far[place]);
                if to > start && is_part && can_follow(it, self.far[place]) {
                    used.push(place);
                    if from <= covered {
                        covered = covered.max(to);
                    }
                }
            }
            for place in &used {
                links.near_of[*place].get_or_insert(near);
            }
            links.by_octets[near] = !used.is_empty();
            if covered >= end
                && let Some(first) = used.first()
            {
                links.far_of[near] = Some(*first);
            }
        }
    }
}
