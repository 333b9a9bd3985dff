use super::*;

const SEED: [u8; 32] = [7; 32];
/// The number 66, 32 times.
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

/// The identity that is this byte, 32 times.
fn identity(byte: u8) -> Identity {
    let kind = bech32::Hrp::parse_unchecked("age-secret-key-");
    bech32::encode::<bech32::Bech32>(kind, &[byte; 32]).unwrap().to_uppercase().parse().unwrap()
}

#[test]
fn what_is_sealed_opens_with_the_key_of_any_recipient_and_with_no_other() {
    let (own, other) = (identity(66), IDENTITY.parse::<Identity>());
    assert_eq!(other.as_ref().map(|other| other.recipient() == own.recipient()).ok(), Some(true), "66 repeated");
    let stranger = identity(9);
    let recipients = [identity(3).recipient(), own.recipient()];
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let text = vec![0xa5; length];
        let sealed = seal(&text, &Seal::Recipients(&recipients), &SEED);
        assert_eq!(*open(&sealed, &Opener::Identity(&own)).unwrap(), text, "{length}");
        assert_eq!(open(&sealed, &Opener::Identity(&stranger)).unwrap_err(), OpenError::WrongKey);
        assert_eq!(sealed, seal(&text, &Seal::Recipients(&recipients), &SEED), "the same bytes");
    }
}

#[test]
fn a_passphrase_opens_what_it_sealed() {
    let passphrase = Passphrase::new("correct horse battery", [1; 16]).unwrap();
    let sealed = seal(b"text", &Seal::Passphrase(&passphrase), &SEED);
    assert_eq!(*open(&sealed, &Opener::Passphrase("correct horse battery")).unwrap(), b"text");
    assert_eq!(open(&sealed, &Opener::Passphrase("correct horse")).unwrap_err(), OpenError::WrongKey);
    assert_eq!(open(&sealed, &Opener::Identity(&identity(66))).unwrap_err(), OpenError::WrongKey);
    assert_eq!(Passphrase::new("too short", [1; 16]).unwrap_err(), KeyError::Short);
    let greedy = String::from_utf8_lossy(&sealed[..80]).replacen(" 16\n", " 40\n", 1);
    let greedy = [greedy.as_bytes(), &sealed[80..]].concat();
    assert_eq!(open(&greedy, &Opener::Passphrase("x")).unwrap_err(), OpenError::TooMuchWork(40));
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let own = identity(66);
    let text = vec![1; 70_000];
    let sealed = seal(&text, &Seal::Recipients(&[own.recipient()]), &SEED);
    let places = (0..300).chain((300..sealed.len()).step_by(997)).chain([sealed.len() - 1]);
    for place in places {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(open(&changed, &Opener::Identity(&own)).is_err(), "byte {place}");
    }
    for length in (0..300).chain((300..sealed.len()).step_by(997)) {
        assert!(open(&sealed[..length], &Opener::Identity(&own)).is_err(), "{length} bytes");
    }
    let longer = [&sealed[..], &[0]].concat();
    assert!(open(&longer, &Opener::Identity(&own)).is_err());
}

#[test]
fn keys_are_told_from_what_looks_like_them() {
    let recipient = identity(66).recipient();
    assert_eq!(recipient.to_string().parse(), Ok(recipient.clone()));
    for wrong in ["", "age1", "age1qqqq", &recipient.to_string().to_uppercase(), IDENTITY, "ssh-ed25519 AAAA"] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
    for wrong in ["", "AGE-SECRET-KEY-1", &recipient.to_string()] {
        assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
    }
}
