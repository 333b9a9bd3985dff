//! Packets that nobody meant: good ones, changed a few times, the same in every run.

/// Where changes come from: xorshift, by its seed.
pub(crate) struct Mutation(u64);

impl Mutation {
    /// The same seed gives the same packets.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// A number below that one.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        const EDGES: [u8; 8] = [0, 1, 4, 0x7f, 0x80, 0xfe, 0xff, b'/'];
        let any = u8::try_from(self.below(256)).unwrap();
        if self.below(2) == 0 { EDGES[self.below(EDGES.len())] } else { any }
    }

    /// One of these packets with up to five changes, and no longer than that.
    pub(crate) fn of(&mut self, seeds: &[Vec<u8>], longest: usize) -> Vec<u8> {
        let mut packet = seeds[self.below(seeds.len())].clone();
        if self.below(50) == 0 {
            packet = (0..self.below(longest + 1)).map(|_| self.byte()).collect();
        }
        for _ in 0..self.below(6) {
            self.change(&mut packet);
        }
        packet.truncate(longest);
        packet
    }

    fn change(&mut self, packet: &mut Vec<u8>) {
        let at = self.below(packet.len());
        if packet.is_empty() {
            packet.push(self.byte());
            return;
        }
        match self.below(8) {
            0 => packet[at] ^= 1 << self.below(8),
            1 => packet[at] = self.byte(),
            2 => drop(packet.remove(at)),
            3 => packet.insert(at, self.byte()),
            // Seldom, or nothing would be left to change.
            4 if self.below(4) == 0 => packet.truncate(at),
            5 if self.below(4) == 0 => {
                let long = vec![self.byte(); [16, 255, 256, 1500][self.below(4)]];
                drop(packet.splice(at..at, long));
            }
            6 => {
                let part = packet[at..packet.len().min(at + 1 + self.below(40))].to_vec();
                let to = self.below(packet.len());
                drop(packet.splice(to..to, part));
            }
            _ => {
                let to = self.below(packet.len());
                packet.swap(at, to);
            }
        }
    }
}
