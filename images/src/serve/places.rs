//! Places that clients share: so many for all, and fewer for one, so that nobody keeps the others out.
//!
//! Who finds no place waits for one, in the order of coming, and so many of one client may wait; more are turned away. What a client
//! is, and what it does in its place, is not known here.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Places, and who comes for them.
#[derive(Debug)]
pub(super) struct Places<K: Eq + Hash> {
    all: Semaphore,
    /// Places of one client, and how many of his may be there, waiting or not.
    of_one: usize,
    most_of_one: usize,
    clients: Mutex<HashMap<K, Client>>,
}

/// One client who is there.
#[derive(Debug)]
struct Client {
    turns: Arc<Semaphore>,
    count: usize,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// Places for all, and those that one client may have; as many of his may wait.
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Semaphore::new(all), of_one, most_of_one: of_one * 2, clients: Mutex::default() }
    }

    /// Lets somebody in, who may still have to wait; `None`: too many of this client are there.
    pub(super) fn arrive(self: &Arc<Self>, who: K) -> Option<Visit<K>> {
        let mut clients = self.clients();
        let new = || Client { turns: Arc::new(Semaphore::new(self.of_one)), count: 0 };
        let client = clients.entry(who.clone()).or_insert_with(new);
        if client.count >= self.most_of_one {
            return None;
        }
        client.count += 1;
        let turns = Arc::clone(&client.turns);
        drop(clients);
        Some(Visit { places: Arc::clone(self), who, turns })
    }

    /// Ends the waiting of all who wait, and of all who come.
    pub(super) fn close(&self) {
        self.all.close();
        self.clients().values().for_each(|client| client.turns.close());
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<K, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who came for a place.
#[derive(Debug)]
pub(super) struct Visit<K: Clone + Eq + Hash> {
    places: Arc<Places<K>>,
    who: K,
    turns: Arc<Semaphore>,
}

impl<K: Clone + Eq + Hash> Visit<K> {
    /// Waits for a place, which is held with what this gives; `None`: the places are closed.
    pub(super) async fn place(&self) -> Option<[SemaphorePermit<'_>; 2]> {
        // The client's own turn comes first: who waits for that one holds no place of the others.
        let own = self.turns.acquire().await.ok()?;
        Some([own, self.places.all.acquire().await.ok()?])
    }
}

impl<K: Clone + Eq + Hash> Drop for Visit<K> {
    fn drop(&mut self) {
        let mut clients = self.places.clients();
        match clients.get_mut(&self.who) {
            Some(client) if client.count > 1 => client.count -= 1,
            _ => drop(clients.remove(&self.who)),
        }
    }
}

/// Whom an address is taken for: an IPv4 address for one client, and of IPv6 a network of 64 bits, of which one machine may use every
/// address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Whether there is a place at once.
    macro_rules! at_once {
        ($visit:expr) => {
            pin!($visit.place()).poll(&mut Context::from_waker(Waker::noop()))
        };
    }

    #[test]
    fn one_client_has_his_share_and_the_others_the_rest() {
        let places = Arc::new(Places::new(4, 2));
        let [first, second, third, fourth] = [(); 4].map(|()| places.arrive("hog").unwrap());
        assert!(places.arrive("hog").is_none(), "two have places, two wait, and a fifth is turned away");
        let Poll::Ready(Some(held)) = at_once!(first) else { panic!("the first has no place") };
        let _other = at_once!(second);
        assert!(at_once!(third).is_pending() && at_once!(fourth).is_pending());
        let others = ["a", "b"].map(|who| places.arrive(who).unwrap());
        let theirs = others.each_ref().map(|visit| at_once!(visit));
        assert!(theirs.iter().all(|place| matches!(place, Poll::Ready(Some(_)))));
        // All are taken, so that who comes now waits.
        let late = places.arrive("c").unwrap();
        assert!(at_once!(late).is_pending());
        drop(held);
        assert!(matches!(at_once!(late), Poll::Ready(Some(_))));
    }

    #[test]
    fn who_left_is_forgotten_and_closed_places_let_nobody_wait() {
        let places = Arc::new(Places::new(2, 1));
        let visits = ["a", "b"].map(|who| places.arrive(who).unwrap());
        let held = visits.each_ref().map(|visit| at_once!(visit));
        let waits = places.arrive("a").unwrap();
        assert!(at_once!(waits).is_pending());
        places.close();
        assert!(matches!(at_once!(waits), Poll::Ready(None)));
        assert!(matches!(at_once!(places.arrive("c").unwrap()), Poll::Ready(None)));
        drop(held);
        drop((visits, waits));
        assert!(places.clients().is_empty());
    }

    #[test]
    fn a_client_is_an_address_or_a_network_of_ipv6() {
        for (address, wanted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), wanted.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
