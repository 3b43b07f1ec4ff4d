//! trial
use prentice_environment::{Verifier, Workshop, suites};
use prentice_sandbox::Sandbox;
use std::time::{Duration, Instant};

#[test]
fn trial() {
    let name = std::env::var("SUITE").unwrap_or("humaneval".into());
    let options = suites::LoadOptions { data: vec!["/work/shared/evaldata".into()], ..Default::default() };
    let suite = suites::load(&name, &options).unwrap();
    let workshop = Workshop::new(&Sandbox::best().unwrap());
    let mut verifier = Verifier::new(&workshop);
    let began = Instant::now();
    let mut cpu = Duration::ZERO;
    let mut passed = 0;
    for task in &suite.tasks {
        let began = Instant::now();
        let judgement = verifier.verify(task, task.reference.as_deref().unwrap());
        cpu += judgement.cpu;
        if began.elapsed().as_secs_f64() > 1.0 {
            eprintln!("{} {:?} {:?}", task.id, began.elapsed(), judgement.cpu);
        }
        if judgement.verdict == prentice_base::Verdict::Pass {
            passed += 1
        } else {
            eprintln!("{} {:?}", task.id, judgement.verdict)
        }
    }
    eprintln!("{passed} of {} in {:?}, cpu {:?}", suite.tasks.len(), began.elapsed(), cpu);
    let began = Instant::now();
    for task in suite.tasks.iter().take(164) {
        verifier.verify(task, task.reference.as_deref().unwrap());
    }
    eprintln!("again {:?}", began.elapsed());
}
