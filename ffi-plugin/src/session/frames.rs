//! A number for each frame of a capture.

const PAGE: usize = 4096;

/// Numbers by frame, 0 for none: 4 octets per frame if frame numbers are consecutive, and at most
/// 16 KiB for one far from all others. Memory is allocated for the pages in use only, because the
/// frame numbers are the caller's.
#[derive(Default)]
pub struct Frames {
    pages: Vec<Option<Box<[u32; PAGE]>>>,
    latest: Option<u32>,
}

impl Frames {
    /// The number of a frame.
    pub fn get(&self, frame: u32) -> u32 {
        let page = self.pages.get(frame as usize / PAGE).and_then(Option::as_deref);
        page.map_or(0, |page| page[frame as usize % PAGE])
    }

    /// Sets the number of a frame.
    pub fn set(&mut self, frame: u32, number: u32) {
        let page = frame as usize / PAGE;
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page].get_or_insert_with(|| Box::new([0; PAGE]));
        page[frame as usize % PAGE] = number;
        self.latest = self.latest.max(Some(frame));
    }

    /// The highest frame that was given a number.
    pub fn latest(&self) -> Option<u32> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_frames_cost_little() {
        let mut frames = Frames::default();
        for frame in [0, 1, 4095, 4096, u32::MAX] {
            assert_eq!(frames.get(frame), 0);
            frames.set(frame, frame / 2 + 1);
        }
        assert_eq!(
            [0, 1, 2, 4096, u32::MAX].map(|frame| frames.get(frame)),
            [1, 1, 0, 2049, 1 << 31]
        );
        assert_eq!(frames.latest(), Some(u32::MAX));
        assert_eq!(frames.pages.iter().flatten().count(), 3);
    }
}
