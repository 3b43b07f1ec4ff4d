//! Matrix products `C = A B (+ C0)`, batch-invariant.
//!
//! Every element of C is one chain of fused operations over k in ascending order, starting from C0 or zero. Neither the
//! number of rows of A, nor the register tile an element falls into, nor the number of threads changes that chain, so
//! a row computed alone (generation) has the same bits as the row computed in a batch (training). Trailing zeros along
//! k leave every bit as it is.
//!
//! B is packed once into panels of [`PANEL`] columns and can be kept (weights during generation) or grown column by
//! column and row by row (keys and values). A is packed inside, block by block. The layouts and block sizes are those
//! of BLIS (Van Zee & van de Geijn 2015); the register tile is 12 x 32 on AVX-512, 32 x 32 on AMX.

mod kernel_f32;
#[cfg(target_arch = "x86_64")]
mod kernel_x86;
mod pack;
#[cfg(target_arch = "x86_64")]
mod pack_x86;

use crate::kernels::{Bf16, Bf16Kernel, Isa, Kernels, Precision, SharedMut, for_each_block};

pub use pack::PackedB;

/// Columns of a panel of packed B.
pub const PANEL: usize = 32;

/// A read-only matrix in memory: element `(i, j)` is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a, T = f32> {
    /// The elements.
    pub data: &'a [T],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Distance between vertically adjacent elements.
    pub row_stride: usize,
    /// Distance between horizontally adjacent elements.
    pub column_stride: usize,
}

/// A matrix in either of the types that can be multiplied. Elements in bf16 are what packing would round f32 to, at half
/// the memory traffic; they need a fast bf16 kernel.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    /// f32.
    F32(View<'a, f32>),
    /// bf16.
    Bf16(View<'a, Bf16>),
}

impl<'a> From<View<'a, f32>> for Operand<'a> {
    fn from(view: View<'a, f32>) -> Self {
        Self::F32(view)
    }
}

impl<'a> From<View<'a, Bf16>> for Operand<'a> {
    fn from(view: View<'a, Bf16>) -> Self {
        Self::Bf16(view)
    }
}

impl Operand<'_> {
    /// The same memory read the other way round.
    pub fn transposed(self) -> Self {
        match self {
            Self::F32(view) => Self::F32(view.transposed()),
            Self::Bf16(view) => Self::Bf16(view.transposed()),
        }
    }

    /// Some of the rows.
    pub fn row_range(self, start: usize, count: usize) -> Self {
        match self {
            Self::F32(view) => Self::F32(view.row_range(start, count)),
            Self::Bf16(view) => Self::Bf16(view.row_range(start, count)),
        }
    }

    /// Some of the columns.
    pub fn column_range(self, start: usize, count: usize) -> Self {
        self.transposed().row_range(start, count).transposed()
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::F32(view) => (view.rows, view.columns),
            Self::Bf16(view) => (view.rows, view.columns),
        }
    }
}

impl<'a, T> View<'a, T> {
    /// A row-major matrix with its rows `stride` apart.
    pub fn rows(data: &'a [T], rows: usize, columns: usize, stride: usize) -> Self {
        Self::new(data, rows, columns, stride, 1)
    }

    /// The same memory read the other way round.
    pub fn transposed(self) -> Self {
        Self::new(self.data, self.columns, self.rows, self.column_stride, self.row_stride)
    }

    /// Some of the rows.
    pub fn row_range(self, start: usize, count: usize) -> Self {
        assert!(start + count <= self.rows);
        let data = if count == 0 { &[] } else { &self.data[start * self.row_stride..] };
        Self { data, rows: count, ..self }
    }

    fn new(data: &'a [T], rows: usize, columns: usize, row_stride: usize, column_stride: usize) -> Self {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * row_stride + (columns - 1) * column_stride;
            assert!(last < data.len(), "a {rows} x {columns} view ends at {last} of {}", data.len());
        }
        // The packing routines read unit-stride runs; no caller needs a matrix that has none.
        assert!(row_stride == 1 || column_stride == 1, "a view needs a unit stride");
        Self { data, rows, columns, row_stride, column_stride }
    }
}

/// What the chain of an element starts from.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Zero.
    Zero,
    /// What C holds.
    Accumulate,
    /// The same element of another row-major matrix, with the same stride as C.
    From(&'a [f32]),
}

/// How A is laid out for a micro-kernel, and how large a tile it takes.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Rows of a register tile.
    pub(crate) tile_rows: usize,
    /// Rows of A packed at a time.
    pub(crate) block_rows: usize,
    /// Length along k of a block, in elements.
    pub(crate) block_k: usize,
}

#[cfg(target_arch = "x86_64")]
type Prepared = kernel_x86::AmxConfigured;
#[cfg(not(target_arch = "x86_64"))]
type Prepared = std::convert::Infallible;

/// Which micro-kernel computes a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// f32 panels; `rounded` means that packing rounds to bf16.
    F32 { isa: Isa, rounded: bool },
    /// Pairs of bf16, `vdpbf16ps`.
    Avx512Bf16,
    /// Pairs of bf16, AMX tiles.
    Amx,
}

impl Method {
    pub(crate) fn new(kernels: Kernels, precision: Precision) -> Self {
        match (precision, kernels.bf16) {
            (Precision::F32, _) => Method::F32 { isa: kernels.isa, rounded: false },
            (Precision::Bf16, Bf16Kernel::Rounded) => Method::F32 { isa: kernels.isa, rounded: true },
            (Precision::Bf16, Bf16Kernel::Avx512Bf16) => Method::Avx512Bf16,
            (Precision::Bf16, Bf16Kernel::Amx) => Method::Amx,
        }
    }

    /// The rows of a block in parts that the micro-kernel is prepared for once.
    fn row_parts(self, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        // AMX is configured either for whole register tiles or for what is left.
        let whole = if self == Method::Amx { rows / 32 * 32 } else { rows };
        [0..whole, whole..rows].into_iter().filter(|part| !part.is_empty())
    }

    /// Prepares the processor for products of a number of rows, until the result is dropped.
    fn prepare(self, rows: usize) -> Option<Prepared> {
        #[cfg(target_arch = "x86_64")]
        if self == Method::Amx {
            // SAFETY: the method is chosen only where the processor supports it.
            return Some(unsafe { kernel_x86::AmxConfigured::new(rows) });
        }
        let _ = rows;
        None
    }

    /// Whether operands are stored as pairs of bf16.
    pub(crate) fn is_paired(self) -> bool {
        !matches!(self, Method::F32 { .. })
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Method::F32 { isa: Isa::Avx512, .. } => Shape { tile_rows: 12, block_rows: 120, block_k: 256 },
            Method::F32 { isa: Isa::Avx2, .. } => Shape { tile_rows: 6, block_rows: 96, block_k: 256 },
            Method::F32 { isa: Isa::Portable, .. } => Shape { tile_rows: 4, block_rows: 64, block_k: 256 },
            Method::Avx512Bf16 => Shape { tile_rows: 12, block_rows: 240, block_k: 512 },
            Method::Amx => Shape { tile_rows: 32, block_rows: 256, block_k: 512 },
        }
    }

    /// k is padded with zeros to a multiple of this.
    pub(crate) fn k_multiple(self) -> usize {
        match self {
            Method::F32 { .. } => 1,
            Method::Avx512Bf16 => 2,
            Method::Amx => 32,
        }
    }
}

/// `C = A B`, started as `start` says, on all threads of the current pool.
///
/// `a` is m x k; `b` is k x n, packed with the same kernels and precision; `c` is row-major, m x n, with its rows
/// `c_stride` apart. `k` may be smaller than that of `b`: only the first `a.columns` rows of B take part.
pub fn multiply<'a>(a: impl Into<Operand<'a>>, b: &PackedB, start: Start, c: &mut [f32], c_stride: usize) {
    let a = a.into();
    let (a_rows, a_columns) = a.shape();
    let n = b.columns();
    check(a, b, start, c, c_stride, n);
    let shape = b.method().shape();
    let panels = n.div_ceil(PANEL);
    // Eight blocks a thread where rows allow it, so that threads finish together. Blocks of columns only for a few rows,
    // as in generation: each packs A anew.
    let wanted = 8 * rayon::current_num_threads();
    let block_rows = a_rows.div_ceil(wanted).next_multiple_of(shape.tile_rows).min(shape.block_rows);
    let row_blocks = a_rows.div_ceil(block_rows.max(1));
    let column_blocks = if a_rows <= shape.tile_rows { panels.div_ceil(2).min(wanted) } else { 1 };
    let panels_each = panels.div_ceil(column_blocks.max(1)).max(1);
    let column_blocks = panels.div_ceil(panels_each);
    let c_length = c.len();
    let out = SharedMut::new(c);
    let work = |block: usize| {
        let (row_block, column_block) = (block / column_blocks.max(1), block % column_blocks.max(1));
        let first_row = row_block * block_rows;
        let rows = block_rows.min(a_rows - first_row);
        let first_panel = column_block * panels_each;
        let last_panel = (first_panel + panels_each).min(panels);
        let start = match start {
            Start::From(initial) => Start::From(&initial[first_row * c_stride..]),
            other => other,
        };
        let offset = first_row * c_stride;
        // SAFETY: the block writes rows `first_row..` and the columns of its own panels only; `check` saw the bounds.
        unsafe {
            block_product(
                a.row_range(first_row, rows),
                b,
                first_panel..last_panel,
                n,
                start,
                out.pointer(offset),
                c_length - offset,
                c_stride,
            );
        }
    };
    let blocks = row_blocks * column_blocks;
    // A few microseconds of work; below that, sharing it costs more than it brings.
    if a_rows * n * a_columns < 40_000 { (0..blocks).for_each(work) } else { for_each_block(blocks, work) }
}

/// Like [`multiply`], on the calling thread, for the first `n` columns of B only.
pub(crate) fn multiply_serial<'a>(
    a: impl Into<Operand<'a>>,
    b: &PackedB,
    n: usize,
    start: Start,
    c: &mut [f32],
    c_stride: usize,
) {
    let a = a.into();
    check(a, b, start, c, c_stride, n);
    let (a_rows, _) = a.shape();
    let block_rows = b.method().shape().block_rows;
    for first_row in (0..a_rows).step_by(block_rows) {
        let rows = block_rows.min(a_rows - first_row);
        let start = match start {
            Start::From(initial) => Start::From(&initial[first_row * c_stride..]),
            other => other,
        };
        let c = &mut c[first_row * c_stride..];
        let length = c.len();
        // SAFETY: `c` is borrowed mutably and `check` saw the bounds.
        unsafe {
            block_product(
                a.row_range(first_row, rows),
                b,
                0..n.div_ceil(PANEL),
                n,
                start,
                c.as_mut_ptr(),
                length,
                c_stride,
            );
        }
    }
}

fn check(a: Operand, b: &PackedB, start: Start, c: &[f32], c_stride: usize, n: usize) {
    let (rows, columns) = a.shape();
    assert!(columns <= b.rows(), "A has {columns} columns, B {} rows", b.rows());
    assert!(n <= b.columns() && n <= c_stride, "{n} columns of {}, stride {c_stride}", b.columns());
    assert!(b.method().is_paired() || matches!(a, Operand::F32(_)), "bf16 operands need a bf16 kernel");
    if rows > 0 {
        let needed = (rows - 1) * c_stride + n;
        assert!(c.len() >= needed, "C has {} elements, needs {needed}", c.len());
        if let Start::From(initial) = start {
            assert!(initial.len() >= needed, "C0 has {} elements, needs {needed}", initial.len());
        }
    }
}

/// One block of rows against a range of panels.
///
/// # Safety
/// `c` must be valid for `c_length` elements, which must cover the rows of `a`, each of `n` elements, `c_stride` apart, and no
/// other thread may touch the columns of these panels in these rows.
#[allow(clippy::too_many_arguments)]
unsafe fn block_product(
    a: Operand,
    b: &PackedB,
    panels: std::ops::Range<usize>,
    n: usize,
    start: Start,
    c: *mut f32,
    c_length: usize,
    c_stride: usize,
) {
    let (a_rows, a_columns) = a.shape();
    let method = b.method();
    let shape = method.shape();
    pack::with_scratch(|scratch| {
        let mut first_k = 0;
        loop {
            let k = shape.block_k.min(a_columns - first_k);
            let packed = pack::pack_a(method, a, first_k, k, scratch);
            // Blocks of k after the first continue the chains that are in C.
            let source = if first_k > 0 { Start::Accumulate } else { start };
            for part in method.row_parts(a_rows) {
                let _prepared = method.prepare(part.len());
                for panel in panels.clone() {
                    let columns = PANEL.min(n - panel * PANEL);
                    let initial: *const f32 = match source {
                        Start::Zero => std::ptr::null(),
                        Start::Accumulate => c,
                        Start::From(initial) => initial.as_ptr(),
                    };
                    let place = part.start * c_stride + panel * PANEL;
                    debug_assert!((part.end.max(1) - 1) * c_stride + n <= c_length);
                    let mut tile = Tile {
                        first_row: part.start,
                        rows: part.len(),
                        columns,
                        k,
                        a: packed,
                        b: b.panel(panel, first_k),
                        // SAFETY: `place` is an element of C0.
                        initial: if initial.is_null() { initial } else { unsafe { initial.add(place) } },
                        // SAFETY: `place` is an element of C.
                        c: unsafe { c.add(place) },
                        c_stride,
                    };
                    // SAFETY: the tile's addresses lie within C and C0 for `rows` x `columns`, by the caller's promise.
                    unsafe { tile.run(method) };
                }
            }
            first_k += k;
            if first_k >= a_columns {
                break;
            }
        }
    });
}

/// A block of rows of packed A against one panel of packed B.
pub(crate) struct Tile<'a> {
    /// In the packed block of A.
    pub(crate) first_row: usize,
    pub(crate) rows: usize,
    /// At most [`PANEL`].
    pub(crate) columns: usize,
    pub(crate) k: usize,
    pub(crate) a: pack::PackedA<'a>,
    pub(crate) b: *const u32,
    /// Where chains start, or null for zero.
    pub(crate) initial: *const f32,
    pub(crate) c: *mut f32,
    pub(crate) c_stride: usize,
}

impl Tile<'_> {
    /// # Safety
    /// The addresses must be valid for `rows` x `columns`, and the processor must support `method`.
    unsafe fn run(&mut self, method: Method) {
        if self.columns < PANEL {
            // A narrow last panel goes through a full-width buffer, so that kernels need no column masks.
            let mut buffer = [0.0f32; 256 * PANEL];
            assert!(self.rows <= 256);
            for row in 0..self.rows {
                for column in 0..self.columns {
                    if !self.initial.is_null() {
                        // SAFETY: within `rows` x `columns`.
                        buffer[row * PANEL + column] = unsafe { *self.initial.add(row * self.c_stride + column) };
                    }
                }
            }
            let (c, c_stride) = (self.c, self.c_stride);
            self.initial = buffer.as_ptr();
            self.c = buffer.as_mut_ptr();
            self.c_stride = PANEL;
            // SAFETY: the buffer is valid for `rows` x PANEL.
            unsafe { self.run_full(method) };
            for row in 0..self.rows {
                for column in 0..self.columns {
                    // SAFETY: within `rows` x `columns`.
                    unsafe { *c.add(row * c_stride + column) = buffer[row * PANEL + column] };
                }
            }
        } else {
            // SAFETY: by the caller's promise.
            unsafe { self.run_full(method) };
        }
    }

    /// # Safety
    /// As [`Tile::run`], with [`PANEL`] columns.
    unsafe fn run_full(&self, method: Method) {
        // SAFETY: by the caller's promise; a method is chosen only where the processor supports it.
        unsafe {
            match method {
                Method::F32 { isa: Isa::Portable, .. } => kernel_f32::portable(self),
                #[cfg(target_arch = "x86_64")]
                Method::F32 { isa: Isa::Avx2, .. } => kernel_x86::avx2(self),
                #[cfg(target_arch = "x86_64")]
                Method::F32 { isa: Isa::Avx512, .. } => kernel_x86::avx512(self),
                #[cfg(target_arch = "x86_64")]
                Method::Avx512Bf16 => kernel_x86::avx512_bf16(self),
                #[cfg(target_arch = "x86_64")]
                Method::Amx => kernel_x86::amx(self),
                #[cfg(not(target_arch = "x86_64"))]
                _ => unreachable!("only portable kernels are detected on this architecture"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
