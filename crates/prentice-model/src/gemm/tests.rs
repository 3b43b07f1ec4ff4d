use super::*;

fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

const SIZES: [(usize, usize, usize); 8] =
    [(1, 1, 1), (1, 64, 40), (5, 33, 7), (12, 32, 256), (37, 70, 301), (130, 96, 600), (33, 513, 64), (300, 31, 65)];

fn each_configuration(mut check: impl FnMut(Kernels, Precision)) {
    for kernels in Kernels::available() {
        for precision in [Precision::F32, Precision::Bf16] {
            check(kernels, precision);
        }
    }
}

#[test]
fn products_are_right_in_all_four_orientations() {
    each_configuration(|kernels, precision| {
        for (m, n, k) in SIZES {
            let (x, y) = (values(m * k, 1), values(k * n, 2));
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                let a = if ta { View::rows(&x, k, m, m).transposed() } else { View::rows(&x, m, k, k) };
                let b = if tb { View::rows(&y, n, k, k).transposed() } else { View::rows(&y, k, n, n) };
                let at = |v: View, i: usize, j: usize| f64::from(v.data[i * v.row_stride + j * v.column_stride]);
                let initial = values(m * n, 3);
                let mut c = vec![f32::NAN; m * n];
                multiply(a, &PackedB::new(kernels, precision, b), Start::From(&initial), &mut c, n);
                let tolerance = if precision == Precision::F32 { 1e-6 } else { 8e-3 } * (k as f64).sqrt() * 2.0;
                for i in 0..m {
                    for j in 0..n {
                        let sum: f64 = (0..k).map(|p| at(a, i, p) * at(b, p, j)).sum();
                        let expected = sum + f64::from(initial[i * n + j]);
                        let error = (f64::from(c[i * n + j]) - expected).abs();
                        assert!(error < tolerance, "{kernels} {precision} {m}x{n}x{k} {ta} {tb} ({i},{j}): {error}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_row_alone_has_the_same_bits_as_in_a_batch_at_any_thread_count() {
    each_configuration(|kernels, precision| {
        for (m, n, k) in SIZES {
            let (x, y) = (values(m * k, 4), values(k * n, 5));
            let b = PackedB::new(kernels, precision, View::rows(&y, k, n, n));
            let mut batch = vec![0.0; m * n];
            let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            one.install(|| multiply(View::rows(&x, m, k, k), &b, Start::Zero, &mut batch, n));
            let mut threads = vec![0.0; m * n];
            let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
            three.install(|| multiply(View::rows(&x, m, k, k), &b, Start::Zero, &mut threads, n));
            assert_eq!(batch, threads);
            for i in 0..m {
                let mut alone = vec![0.0; n];
                multiply(View::rows(&x[i * k..], 1, k, k), &b, Start::Zero, &mut alone, n);
                assert_eq!(alone, batch[i * n..][..n], "{kernels} {precision} {m}x{n}x{k} row {i}");
            }
        }
    });
}

#[test]
fn packing_by_element_equals_packing_at_once_and_trailing_zeros_change_nothing() {
    each_configuration(|kernels, precision| {
        let (m, n, k, longer) = (3, 45, 51, 130);
        let (x, y) = (values(m * k, 6), values(k * n, 7));
        let mut grown = PackedB::zeros(kernels, precision, longer, n + 40);
        for row in 0..k {
            for column in 0..n {
                grown.set(row, column, y[row * n + column]);
            }
        }
        let mut padded = vec![0.0; m * longer];
        for row in 0..m {
            padded[row * longer..][..k].copy_from_slice(&x[row * k..][..k]);
        }
        let mut expected = vec![0.0; m * n];
        let whole = PackedB::new(kernels, precision, View::rows(&y, k, n, n));
        multiply(View::rows(&x, m, k, k), &whole, Start::Zero, &mut expected, n);
        for a in [View::rows(&x, m, k, k), View::rows(&padded, m, longer, longer)] {
            let mut c = vec![0.0; m * n];
            multiply_serial(a, &grown, n, Start::Zero, &mut c, n);
            assert_eq!(c, expected, "{kernels} {precision}");
        }
    });
}
