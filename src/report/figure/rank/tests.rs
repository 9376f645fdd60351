use super::*;
use crate::evaluate::rank::tests::synthetic;

#[test]
fn every_figure_is_drawn_for_few_and_for_many() {
    for (competitors, structures) in [(2, 1), (4, 3), (117, 1), (20, 117)] {
        let ranking = synthetic(competitors, structures, 12);
        let figures = figures(&ranking).unwrap();
        assert_eq!(figures.len(), 6 + usize::from(structures > 1));
        for figure in figures {
            let picture = image::load_from_memory(&figure.figure.png).unwrap().to_rgb8();
            assert!(picture.pixels().any(|pixel| pixel.0 != [255; 3]), "{} is blank", figure.name);
            assert!(!figure.figure.svg.contains("NaN") && figure.caption.contains("12 patients"), "{}", figure.name);
        }
    }
}

#[test]
fn bars_join_the_largest_runs_without_a_significant_difference() {
    let mut ranking = synthetic(4, 1, 30);
    let board = &mut ranking.boards[0];
    let order: Vec<usize> = board.entries.iter().map(|entry| entry.competitor).collect();
    for (place, entry) in board.entries.iter_mut().enumerate() {
        entry.mean_rank = place as f64 + 1.0;
    }
    // The first two are alike, the second and third are alike, the last is alone.
    for pair in &mut board.pairs {
        let alike = [(0, 1), (1, 2)].iter().any(|(a, b)| (pair.a, pair.b) == (order[*a], order[*b]));
        pair.p_holm = if alike { 0.3 } else { 0.01 };
    }
    let figure = difference::Difference { board };
    assert_eq!(figure.cliques(&board.entries), [(0, 1), (1, 2)]);
}
