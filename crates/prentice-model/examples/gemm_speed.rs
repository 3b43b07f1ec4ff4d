//! Prints the speed of matrix products of the shapes of a training step.
use prentice_model::{gemm::*, kernels::*};

fn main() {
    for kernels in Kernels::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            for (m, n, k, ta, tb) in [
                (2048usize, 512usize, 256usize, false, true),
                (2048, 1408, 256, false, true),
                (2048, 256, 704, false, true),
                (1408, 256, 2048, true, false),
                (512, 8192, 256, false, true),
                (1, 8192, 256, false, true),
                (1, 1408, 256, false, true),
            ] {
                let x = vec![0.5f32; m * k];
                let y = vec![0.25f32; k * n];
                let mut c = vec![0f32; m * n];
                let a = if ta { View::rows(&x, k, m, m).transposed() } else { View::rows(&x, m, k, k) };
                let bv = if tb { View::rows(&y, n, k, k).transposed() } else { View::rows(&y, k, n, n) };
                let mut b = PackedB::new(kernels, precision, bv);
                let reps = (20_000_000_000 / (2 * m * n * k)).clamp(3, 2000);
                let run = |work: &mut dyn FnMut()| {
                    let mut best = f64::MAX;
                    for _ in 0..5 {
                        let t = std::time::Instant::now();
                        for _ in 0..reps.div_ceil(5) {
                            work();
                        }
                        best = best.min(t.elapsed().as_secs_f64() / reps.div_ceil(5) as f64);
                    }
                    best
                };
                let pack = run(&mut || b.pack(bv));
                let multiply = run(&mut || multiply(a, &b, Start::Zero, &mut c, n));
                let flops = (2 * m * n * k) as f64;
                println!(
                    "{kernels:>10} {precision} {m:>5}x{n:>5}x{k:>5} pack {:>8.1} us  multiply {:>8.1} us {:>7.0} GFLOP/s",
                    pack * 1e6,
                    multiply * 1e6,
                    flops / multiply / 1e9
                );
            }
        }
    }
}
