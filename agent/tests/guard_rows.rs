//! Every row of the guard's table has an example that reaches it, and the action that the example must get.

mod rows;

use kfimg_agent::guard::{
    Answer, AnswerData, Etcd, Marker, MarkerRead, OwnData, Phase, PlaceRead, ROWS, Row, View, decide, decide_by,
    gives_up, newest,
};
use rows::fake::{Example, MINE, answer, known, log, marker, view};

#[test]
fn each_row_is_reached_and_gives_its_action() {
    let examples = rows::examples();
    for (number, Example { row, view, action }) in examples.iter().enumerate() {
        let decision = decide(view);
        assert_eq!((decision.row, &decision.action), (*row, action), "example {number}: {view:#?}");
    }
    for row in ROWS {
        assert!(examples.iter().any(|example| example.row == row.name), "no example reaches the row `{}`", row.name);
    }
}

/// Rows that only wait or stop lose no write when they are left out, so no search misses them: but somebody reads another reason.
#[test]
fn every_row_is_needed_by_an_example() {
    let examples = rows::examples();
    // Behind the last row there is nothing; a table without it waits as well.
    for row in ROWS.iter().filter(|row| row.name != "otherwise") {
        let others: Vec<Row> = ROWS.iter().filter(|other| other.name != row.name).copied().collect();
        let mut own = examples.iter().filter(|example| example.row == row.name);
        let needed = own.any(|example| decide_by(&others, &example.view).action != example.action);
        assert!(needed, "without the row `{}` all its examples get the same action", row.name);
    }
}

#[test]
fn a_member_of_another_incarnation_is_silent_but_its_data_count() {
    let mut view = view();
    view.peers[0].answer = Some(Answer { incarnation: 1, ..answer(AnswerData::Empty, None) });
    assert_eq!(decide(&view).row, "none, silent");
    view.peers[0].answer = Some(Answer { incarnation: 1, ..answer(AnswerData::Held, None) });
    assert_eq!(decide(&view).row, "none, quorum lost");
}

#[test]
fn a_member_that_the_plan_does_without_is_not_waited_for_but_its_data_count() {
    let mut view = view();
    view.words.without = vec![2];
    view.peers[1].answer = None;
    assert_eq!(decide(&view).row, "none, found");
    view.peers[1].answer = Some(answer(AnswerData::Held, None));
    assert_eq!(decide(&view).row, "none, quorum lost");
}

#[test]
fn the_newer_marker_counts_and_a_place_that_cannot_be_read_makes_it_unknown() {
    let at = |incarnation, counter| Marker { incarnation, counter, ..marker(MINE, Phase::Ready) };
    let known = |incarnation, counter| PlaceRead::Known(at(incarnation, counter));
    let cases = [
        (PlaceRead::None, PlaceRead::None, MarkerRead::None),
        (PlaceRead::Unknown, known(2, 9), MarkerRead::Unknown),
        (known(2, 9), PlaceRead::Unknown, MarkerRead::Unknown),
        (PlaceRead::None, known(1, 1), MarkerRead::Known(at(1, 1))),
        (known(1, 9), known(2, 1), MarkerRead::Known(at(2, 1))),
        (known(2, 5), known(2, 4), MarkerRead::Known(at(2, 5))),
    ];
    for (outside, beside, expected) in cases {
        assert_eq!(newest(outside.clone(), beside.clone()), expected, "{outside:?} {beside:?}");
    }
}

#[test]
fn a_learner_without_a_log_gives_up_even_if_it_was_joined_before() {
    let running = Etcd::Running { leader: false, voter: false };
    let cases = [
        (OwnData::None, MarkerRead::None, running, true),
        (OwnData::None, known(Phase::Joined), running, true),
        (log(false), known(Phase::Committed), running, true),
        (log(false), known(Phase::Joined), running, false),
        (log(false), known(Phase::Committed), Etcd::Running { leader: true, voter: false }, false),
        (log(false), known(Phase::Committed), Etcd::Stopped, false),
    ];
    for (own, marker, etcd, expected) in cases {
        let view = View { own, marker, etcd, ..view() };
        assert_eq!(gives_up(&view), expected, "{view:#?}");
    }
}

#[test]
fn an_answer_reads_back_as_it_was_written() {
    let answer = answer(AnswerData::Held, Some(marker(MINE, Phase::Joined)));
    let text = serde_json::to_string(&answer).unwrap();
    assert!(text.contains(r#""nonce":"00000000000000000000000000000001""#), "{text}");
    assert!(text.contains(r#""cluster":"c1","phase":"joined""#), "{text}");
    assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer);
    assert!(serde_json::from_str::<Answer>(&text.replace("0001", "000g")).is_err());
}
