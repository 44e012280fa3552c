//! The search for the work with which a batch goes wrong, by halving, and for the one with whom it
//! fails.
//!
//! What is looked for is an end of the list before which it is not bad, and with which it is. Such a
//! place is found whatever else is wrong, also where a later work mends what an earlier one broke.

use crate::domain::landing::answer::{Base, CheckPurpose, Combination, CombinationWord};
use crate::domain::landing::attempt::{Blame, Culprit, LandingAttempt, LandingStep};

impl LandingAttempt {
    /// Finds the first work with which `kept`, which is bad, goes wrong: nothing where the base cannot
    /// tell, an error of the inner kind where a work does not fit.
    pub(super) fn search(
        &self,
        kept: &[usize],
    ) -> Result<Result<Option<Culprit>, usize>, LandingStep> {
        let is_fine = |word: Option<CombinationWord>| {
            matches!(
                word,
                Some(CombinationWord::Good | CombinationWord::LikeBase)
            )
        };
        let mut fine = (1..kept.len())
            .rev()
            .find(|end| is_fine(self.known(&kept[..*end])))
            .unwrap_or(0);
        let mut bad = (fine + 1..kept.len())
            .find(|end| self.known(&kept[..*end]) == Some(CombinationWord::Bad))
            .unwrap_or(kept.len());
        loop {
            // Two failures from the beginning on may be the base's.
            if fine == 0 && (bad < kept.len() || bad == 1) && self.ask_base()? == Base::Untold {
                return Ok(Ok(None));
            }
            if bad - fine == 1 {
                break;
            }
            let middle = middle(fine, bad, self.base());
            match self.ask(&kept[..middle], CheckPurpose::Half)? {
                Err(conflicts) => return Ok(Err(conflicts)),
                Ok(CombinationWord::Bad) => bad = middle,
                Ok(CombinationWord::Good | CombinationWord::LikeBase) => fine = middle,
            }
        }
        let proof = &kept[..bad];
        if self.is_unconfirmed(proof) {
            return Err(LandingStep::Check {
                combination: Combination(proof.to_vec()),
                purpose: CheckPurpose::Again,
            });
        }
        let (work, before) = (kept[fine], kept[..fine].to_vec());
        Ok(Ok(Some(Culprit { work, before })))
    }

    /// Finds with whom a work fails that is going back.
    pub(super) fn blame(&self, culprit: &Culprit) -> Result<Blame, LandingStep> {
        let before = &culprit.before;
        if before.is_empty() {
            return Ok(Blame::Alone);
        }
        let after = || Blame::After(before.clone());
        let with = |end: usize| {
            let mut works = before[..end].to_vec();
            works.push(culprit.work);
            works
        };
        let look = |end: usize| match self.ask(&with(end), CheckPurpose::Partner) {
            Err(_) if !self.may_look_on() => Ok(None),
            Err(check) => Err(check),
            Ok(Err(_)) => Ok(None),
            Ok(Ok(word)) => Ok(Some(word)),
        };
        match look(0)? {
            None => return Ok(after()),
            Some(CombinationWord::Bad) => {
                return match self.base() {
                    Base::Unknown if self.may_look_on() => self.ask_base().map(|_| after()),
                    Base::Unknown | Base::Untold => Ok(after()),
                    Base::Good | Base::Red(_) => Ok(Blame::Alone),
                };
            }
            Some(CombinationWord::Good | CombinationWord::LikeBase) => {}
        }
        let (mut fine, mut bad) = (0, before.len());
        while bad - fine > 1 {
            let middle = fine + (bad - fine) / 2;
            match look(middle)? {
                None => break,
                Some(CombinationWord::Bad) => bad = middle,
                Some(CombinationWord::Good | CombinationWord::LikeBase) => fine = middle,
            }
        }
        Ok(Blame::With(before[fine..bad].to_vec()))
    }
}

/// The end that is asked next, between one that is fine and one that is bad. As long as nothing is
/// known of the base, which costs a check of its own after the next failure, less than a half is taken.
fn middle(fine: usize, bad: usize, base: Base<'_>) -> usize {
    let width = bad - fine;
    let half = width.div_ceil(2);
    if fine > 0 || base != Base::Unknown {
        return fine + half;
    }
    let quarter = width.next_power_of_two() / 4;
    quarter.clamp(1, half)
}
