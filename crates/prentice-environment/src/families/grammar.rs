//! What a program of a family is: one to three typed stages over a list of integers, an integer or a text.
//!
//! [`Composition::evaluate`] is the truth that every rendering must agree with. It is total, and exact where every
//! number of the input lies within ±[`LARGEST_NUMBER`]: then no chain of three stages leaves the integers that a
//! double holds, so that JavaScript agrees, too.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::primitives::{PRIMITIVES, Primitive};

/// Numbers of inputs are at most this far from 0: its eighth power, of three squarings in a row, is below 2^53.
pub const LARGEST_NUMBER: i64 = 60;

/// The domains that stages lead between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A list of integers.
    List,
    /// An integer.
    Number,
    /// A text of ASCII characters, without quotes and backslashes.
    Text,
}

/// What goes into a stage and comes out of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Of [`Kind::List`].
    List(Vec<i64>),
    /// Of [`Kind::Number`].
    Number(i64),
    /// Of [`Kind::Text`].
    Text(String),
}

impl Value {
    /// The domain.
    pub fn kind(&self) -> Kind {
        match self {
            Value::List(_) => Kind::List,
            Value::Number(_) => Kind::Number,
            Value::Text(_) => Kind::Text,
        }
    }

    /// As JSON, with a blank after each comma, which is also how Python and JavaScript write it.
    pub fn json(&self) -> String {
        match self {
            Value::List(numbers) => {
                format!("[{}]", numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))
            }
            Value::Number(number) => number.to_string(),
            Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        }
    }
}

/// What a stage is parametrised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Constant {
    /// Nothing.
    None,
    /// A small number, `{k}` in templates.
    Number(i64),
    /// A letter, `{a}` in templates.
    Letter(char),
    /// Two letters, `{a}` and `{b}` in templates.
    Letters(char, char),
}

impl Constant {
    /// A template with the constant in place.
    pub fn fill(self, template: &str) -> String {
        match self {
            Constant::None => template.to_owned(),
            Constant::Number(k) => template.replace("{k}", &k.to_string()),
            Constant::Letter(a) => template.replace("{a}", a.encode_utf8(&mut [0; 4])),
            Constant::Letters(a, b) => {
                template.replace("{a}", a.encode_utf8(&mut [0; 4])).replace("{b}", b.encode_utf8(&mut [0; 4]))
            }
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            Constant::Number(number) => number,
            _ => 0,
        }
    }

    pub(super) fn count(self) -> usize {
        self.number().unsigned_abs() as usize
    }

    /// The letters; a blank, which no stage is parametrised by, for one that is not there.
    pub(super) fn letters(self) -> (char, char) {
        match self {
            Constant::Letter(a) => (a, ' '),
            Constant::Letters(a, b) => (a, b),
            _ => (' ', ' '),
        }
    }
}

/// A primitive with its constant: one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operator {
    /// Place in [`PRIMITIVES`].
    index: usize,
    constant: Constant,
}

impl Operator {
    /// The primitive at a place of [`PRIMITIVES`], with one of its constants.
    pub fn new(index: usize, constant: Constant) -> Self {
        Self { index, constant }
    }

    /// Its place in [`PRIMITIVES`].
    pub fn index(self) -> usize {
        self.index
    }

    /// The primitive.
    pub fn primitive(self) -> &'static Primitive {
        &PRIMITIVES[self.index]
    }

    /// What it is parametrised by.
    pub fn constant(self) -> Constant {
        self.constant
    }

    /// Every primitive from a domain, with each of its constants.
    pub fn all_from(kind: Kind) -> Vec<Operator> {
        let of = |index: usize| PRIMITIVES[index].constants.all().into_iter().map(move |k| Operator::new(index, k));
        (0..PRIMITIVES.len()).filter(|&index| PRIMITIVES[index].from() == kind).flat_map(of).collect()
    }

    /// The operators that it is easily mistaken for: those that its row names, with its own constant where they take
    /// such a one, then itself with the next and the previous number.
    pub fn neighbours(self) -> Vec<Operator> {
        let mut neighbours = Vec::new();
        for name in self.primitive().neighbours {
            let index = PRIMITIVES.iter().position(|other| other.name == *name);
            let index = index.unwrap_or_else(|| panic!("there is no primitive `{name}`"));
            let constants = PRIMITIVES[index].constants.all();
            let is_alike = |other: &Constant| std::mem::discriminant(other) == std::mem::discriminant(&self.constant);
            let constant = if is_alike(&constants[0]) { self.constant } else { constants[0] };
            neighbours.push(Operator::new(index, constant));
        }
        if let Constant::Number(k) = self.constant {
            let near = [k + 1, k - 1].into_iter().filter(|&near| near > 0);
            neighbours.extend(near.map(|near| Operator::new(self.index, Constant::Number(near))));
        }
        neighbours
    }

    /// What it makes of a value. The value is of the domain that the primitive leads from.
    pub fn apply(self, value: Value) -> Value {
        self.primitive().apply(value, self.constant)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.primitive().name;
        match self.constant {
            Constant::None => write!(out, "{name}"),
            Constant::Number(k) => write!(out, "{name}({k})"),
            Constant::Letter(a) => write!(out, "{name}({a})"),
            Constant::Letters(a, b) => write!(out, "{name}({a},{b})"),
        }
    }
}

/// A program: stages, each of which takes what the one before gives. Displayed as its stable text, such as
/// `keep_greater(3) | each_multiply(2) | sum`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Composition {
    stages: Vec<Operator>,
}

impl Composition {
    /// A program of these stages; `None` where there is none, or where one does not take what the one before gives.
    pub fn new(stages: Vec<Operator>) -> Option<Self> {
        let fits = stages.windows(2).all(|pair| pair[0].primitive().to() == pair[1].primitive().from());
        (fits && !stages.is_empty()).then_some(Self { stages })
    }

    /// The stages, at least one.
    pub fn stages(&self) -> &[Operator] {
        &self.stages
    }

    /// How many stages there are.
    pub fn depth(&self) -> usize {
        self.stages.len()
    }

    /// The domain of the argument.
    pub fn from(&self) -> Kind {
        self.stages[0].primitive().from()
    }

    /// The domain of the result.
    pub fn to(&self) -> Kind {
        self.stages[self.stages.len() - 1].primitive().to()
    }

    /// The result for an argument of the domain [`Composition::from`].
    pub fn evaluate(&self, argument: &Value) -> Value {
        self.stages.iter().fold(argument.clone(), |value, stage| stage.apply(value))
    }

    /// The program with another stage at a place; `None` where that does not fit.
    pub fn with_stage(&self, at: usize, stage: Operator) -> Option<Self> {
        let mut stages = self.stages.clone();
        stages[at] = stage;
        Self::new(stages)
    }

    /// The programs with one stage less that take and give the same domains.
    pub fn shortened(&self) -> impl Iterator<Item = Composition> {
        (0..self.stages.len()).filter_map(|at| {
            let mut stages = self.stages.clone();
            stages.remove(at);
            Self::new(stages).filter(|shorter| (shorter.from(), shorter.to()) == (self.from(), self.to()))
        })
    }

    /// The programs that differ in one stage, which is easily mistaken for the other ([`Operator::neighbours`]).
    pub fn neighbours(&self) -> impl Iterator<Item = Composition> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(move |(at, stage)| {
            stage.neighbours().into_iter().filter_map(move |neighbour| self.with_stage(at, neighbour))
        })
    }

    /// The names of the primitives, without constants.
    pub fn tuple(&self) -> String {
        self.stages.iter().map(|stage| stage.primitive().name).collect::<Vec<_>>().join(" | ")
    }
}

impl fmt::Display for Composition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stage) in self.stages.iter().enumerate() {
            write!(out, "{}{stage}", if at == 0 { "" } else { " | " })?;
        }
        Ok(())
    }
}
