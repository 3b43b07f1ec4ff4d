//! Both ends of the channel between examiner and candidate.
//!
//! A message is its length (four bytes, big endian) and its content. Every value is preceded by a tag that names its
//! type, so that ends which disagree about a type notice. The request is the name of the function and the arguments;
//! the reply is a byte, 0 for a result and 1 for a panic, then the result.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::hash::Hash;
use std::io::{self, Read, Write};
use std::os::fd::FromRawFd;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::exit;
use std::sync::OnceLock;

const GONE: i32 = 97;
const THREW: i32 = 98;
const LIMIT: usize = 16 << 20;

static CHANNEL: OnceLock<(File, File)> = OnceLock::new();

unsafe extern "C" {
    fn dup(descriptor: i32) -> i32;
    fn dup2(from: i32, to: i32) -> i32;
    fn pipe(ends: *mut i32) -> i32;
    fn close(descriptor: i32) -> i32;
}

/// Sets the channel aside: what the program prints is no message, what it reads is empty.
pub fn open() {
    // SAFETY: plain system calls on descriptors that this process owns; each new one goes into one `File`.
    unsafe {
        let _ = CHANNEL.set((File::from_raw_fd(dup(0)), File::from_raw_fd(dup(1))));
        dup2(2, 1);
        let mut ends = [0; 2];
        if pipe(ends.as_mut_ptr()) == 0 {
            dup2(ends[0], 0);
            close(ends[0]);
            close(ends[1]);
        }
    }
}

/// Why no value could be read.
#[derive(Debug)]
pub struct Malformed;

/// A value that cannot be sent: behind `dyn Any` it is of no type that a test knows.
pub struct Opaque;

/// What can be sent.
pub trait Encode {
    fn encode(&self, out: &mut Vec<u8>);
}

/// What can be received. References live for ever: a process answers few calls.
pub trait Decode: Sized {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed>;
}

fn send(content: &[u8]) -> io::Result<()> {
    if content.len() > LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = (content.len() as u32).to_be_bytes().to_vec();
    message.extend_from_slice(content);
    let mut out = CHANNEL.get().map(|(_, out)| out).ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
    out.write_all(&message)
}

fn receive() -> io::Result<Vec<u8>> {
    let mut input = CHANNEL.get().map(|(input, _)| input).ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
    let mut header = [0; 4];
    input.read_exact(&mut header)?;
    let length = u32::from_be_bytes(header) as usize;
    if length > LIMIT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = vec![0; length];
    input.read_exact(&mut content)?;
    Ok(content)
}

/// The examiner's side: the candidate's answer. Does not return if there is none.
pub fn ask<R: Decode>(function: &str, arguments: &[&dyn Encode]) -> R {
    let mut request = Vec::new();
    function.encode(&mut request);
    for argument in arguments {
        argument.encode(&mut request);
    }
    if send(&request).is_err() {
        exit(GONE);
    }
    let Ok(reply) = receive() else { exit(GONE) };
    match reply.split_first() {
        Some((0, mut rest)) => match R::decode(&mut rest) {
            Ok(result) if rest.is_empty() => result,
            _ => exit(GONE),
        },
        Some((1, [])) => exit(THREW),
        _ => exit(GONE),
    }
}

/// The candidate's side: answers until the examiner has no more questions.
pub fn serve(answer: impl Fn(&str, &mut &[u8], &mut Vec<u8>) -> Result<(), Malformed>) {
    while let Ok(request) = receive() {
        let mut reply = vec![0];
        let mut input = request.as_slice();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let function = String::decode(&mut input)?;
            answer(&function, &mut input, &mut reply)
        }));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(Malformed)) => exit(GONE),
            Err(_) => reply = vec![1],
        }
        if send(&reply).is_err() {
            return;
        }
    }
}

/// Takes so many bytes.
fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = input.split_at_checked(count).ok_or(Malformed)?;
    *input = rest;
    Ok(taken)
}

/// Takes a tag, which must be this one.
pub fn tag(input: &mut &[u8], expected: &[u8]) -> Result<(), Malformed> {
    if take(input, expected.len())? == expected {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// How many elements follow. Each takes up at least one byte: nothing is reserved that was not sent.
pub fn count(input: &mut &[u8]) -> Result<usize, Malformed> {
    let count = u32::from_be_bytes(take(input, 4)?.try_into().map_err(|_| Malformed)?) as usize;
    if count > input.len() {
        Err(Malformed)
    } else {
        Ok(count)
    }
}

fn encode_all<'a, T: Encode + 'a>(tag: u8, values: impl ExactSizeIterator<Item = T>, out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(values.len() as u32).to_be_bytes());
    for value in values {
        value.encode(out);
    }
}

fn decode_all<T: Decode, C: FromIterator<T>>(expected: u8, input: &mut &[u8]) -> Result<C, Malformed> {
    tag(input, &[expected])?;
    (0..count(input)?).map(|_| T::decode(input)).collect()
}

macro_rules! numbers {
    ($($number:ty: $tag:literal),*) => {$(
        impl Encode for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice($tag);
                out.extend_from_slice(&self.to_be_bytes());
            }
        }

        impl Decode for $number {
            fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
                tag(input, $tag)?;
                let bytes = take(input, size_of::<$number>())?;
                Ok(<$number>::from_be_bytes(bytes.try_into().map_err(|_| Malformed)?))
            }
        }
    )*};
}

numbers!(
    i8: b"i0", i16: b"i1", i32: b"i2", i64: b"i3", i128: b"i4", isize: b"i5",
    u8: b"u0", u16: b"u1", u32: b"u2", u64: b"u3", u128: b"u4", usize: b"u5", f32: b"f2", f64: b"f3"
);

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"bt" } else { b"bf" });
    }
}

impl Decode for bool {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        match take(input, 2)? {
            b"bt" => Ok(true),
            b"bf" => Ok(false),
            _ => Err(Malformed),
        }
    }
}

impl Encode for char {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'c');
        u32::from(*self).encode(out);
    }
}

impl Decode for char {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        tag(input, b"c")?;
        char::from_u32(u32::decode(input)?).ok_or(Malformed)
    }
}

impl Encode for () {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'0');
    }
}

impl Decode for () {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        tag(input, b"0")
    }
}

impl Encode for str {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(b's');
        out.extend_from_slice(&(self.len() as u32).to_be_bytes());
        out.extend_from_slice(self.as_bytes());
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_str().encode(out);
    }
}

impl Decode for String {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        tag(input, b"s")?;
        let length = count(input)?;
        String::from_utf8(take(input, length)?.to_vec()).map_err(|_| Malformed)
    }
}

impl<'a> Decode for &'a str {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(String::decode(input)?.leak())
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<'a, T: Decode> Decode for &'a T {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(Box::leak(Box::new(T::decode(input)?)))
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<T: Encode> Encode for [T] {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_all(b'v', self.iter(), out);
    }
}

impl<'a, T: Decode> Decode for &'a [T] {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(Vec::decode(input)?.leak())
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_slice().encode(out);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        decode_all(b'v', input)
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_all(b'o', self.iter(), out);
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        let mut values: Vec<T> = decode_all(b'o', input)?;
        if values.len() > 1 {
            Err(Malformed)
        } else {
            Ok(values.pop())
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {$(
        impl<$($name: Encode),+> Encode for ($($name,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                out.push(b't');
                $($name.encode(out);)+
            }
        }

        impl<$($name: Decode),+> Decode for ($($name,)+) {
            fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
                tag(input, b"t")?;
                Ok(($($name::decode(input)?,)+))
            }
        }
    )*};
}

tuples!((A) (A B) (A B C) (A B C D));

macro_rules! collections {
    ($($name:ident, $($bound:ident)+;)*) => {$(
        impl<T: Encode> Encode for $name<T> {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_all(b'u', self.iter(), out);
            }
        }

        impl<T: Decode $(+ $bound)+> Decode for $name<T> {
            fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
                decode_all(b'u', input)
            }
        }
    )*};
}

macro_rules! maps {
    ($($name:ident, $($bound:ident)+;)*) => {$(
        impl<K: Encode, V: Encode> Encode for $name<K, V> {
            fn encode(&self, out: &mut Vec<u8>) {
                encode_all(b'm', self.iter(), out);
            }
        }

        impl<K: Decode $(+ $bound)+, V: Decode> Decode for $name<K, V> {
            fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
                decode_all::<(K, V), _>(b'm', input)
            }
        }
    )*};
}

collections!(HashSet, Eq Hash; BTreeSet, Ord;);
maps!(HashMap, Eq Hash; BTreeMap, Ord;);

macro_rules! anything {
    ($($kind:ty),*) => {
        impl Encode for dyn Any {
            fn encode(&self, out: &mut Vec<u8>) {
                $(
                    if let Some(value) = self.downcast_ref::<$kind>() {
                        stringify!($kind).encode(out);
                        return value.encode(out);
                    }
                )*
                "?".encode(out);
            }
        }

        impl Decode for Box<dyn Any> {
            fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
                match String::decode(input)?.as_str() {
                    $(stringify!($kind) => Ok(Box::new(<$kind>::decode(input)?)),)*
                    "?" => Ok(Box::new(Opaque)),
                    _ => Err(Malformed),
                }
            }
        }
    };
}

anything!(
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64,
    bool,
    char,
    (),
    String,
    &'static str,
    Vec<Box<dyn Any>>
);

impl<'a> Decode for &'a dyn Any {
    fn decode(input: &mut &[u8]) -> Result<Self, Malformed> {
        Ok(Box::leak(<Box<dyn Any>>::decode(input)?))
    }
}
