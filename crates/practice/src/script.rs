use std::time::Duration;

use crate::people::Language;
use crate::random::Random;

/// What a customer does, one step after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes a text.
    Write(String),
    /// Does nothing for a while.
    Wait(Duration),
    /// Waits until the business has answered what was written last, or for this long at most.
    AwaitReply(Duration),
    /// Looks at the chat: what was received is read from now on.
    Read,
}

/// Openings, questions and thanks of one language. A script takes one of each.
struct Phrases {
    openings: [&'static str; 4],
    questions: [&'static str; 8],
    thanks: [&'static str; 4],
}

const ENGLISH: Phrases = Phrases {
    openings: ["Hi there 👋", "Good morning!", "Hello, is anybody there?", "Hey"],
    questions: [
        "Where is my order? It was meant to arrive yesterday.",
        "Does the jacket come in green?",
        "I'd like to return the kettle, it leaks 😕",
        "Can I change the delivery address?",
        "Are you open on Saturday?",
        "I was charged twice – could you have a look?",
        "How long is the guarantee?",
        "My discount code doesn't work: SPRING/20",
    ],
    thanks: ["Great, thank you!", "Perfect 👍", "That helps, thanks", "Brilliant, bye!"],
};

const SPANISH: Phrases = Phrases {
    openings: ["¡Hola! 👋", "Buenos días", "Buenas, ¿hay alguien?", "Hola, ¿qué tal?"],
    questions: [
        "¿Dónde está mi pedido? Tenía que llegar ayer.",
        "¿La chaqueta viene también en verde?",
        "Quiero devolver el hervidor, gotea 😕",
        "¿Puedo cambiar la dirección de envío?",
        "¿Abrís el sábado por la mañana?",
        "Me habéis cobrado dos veces, ¿lo podéis mirar?",
        "¿Cuántos años tiene la garantía?",
        "El código de descuento no funciona: PRIMAVERA/20",
    ],
    thanks: ["¡Genial, muchas gracias!", "Perfecto 👍", "Con eso me vale, gracias", "Estupendo, ¡adiós!"],
};

impl Script {
    /// The script of a customer: says hello, asks, reads the answer and says thanks, with pauses of about `pause`.
    pub fn of(seed: u64, customer: usize, language: Language, pause: Duration) -> Self {
        let mut random = Random::of(seed, &format!("script {customer}"));
        let phrases = match language {
            Language::English => ENGLISH,
            Language::Spanish => SPANISH,
        };
        let mut write = |all: &[&str]| Step::Write(random.pick(all).copied().unwrap_or_default().to_owned());
        let opening = write(&phrases.openings);
        let question = write(&phrases.questions);
        let thanks = write(&phrases.thanks);
        let mut wait = || Step::Wait(pause / 2 + pause.mul_f64(percent(&mut random)));
        let steps = vec![
            wait(),
            opening,
            wait(),
            question,
            Step::AwaitReply(Duration::from_secs(30 * 60)),
            wait(),
            Step::Read,
            wait(),
            thanks,
        ];
        Self { steps }
    }
}

/// A random share between 0 and 1.
fn percent(random: &mut Random) -> f64 {
    f64::from(u32::try_from(random.below(101)).unwrap_or(0)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_writes_the_same_script() {
        let script = |seed, customer, language| Script::of(seed, customer, language, Duration::from_secs(4));
        assert_eq!(script(7, 3, Language::Spanish), script(7, 3, Language::Spanish));
        assert_ne!(script(7, 3, Language::Spanish), script(7, 3, Language::English));
        let all: Vec<Script> = (0..20).map(|customer| script(7, customer, Language::English)).collect();
        assert!(all.iter().any(|other| other != &all[0]));
    }
}
