//! The stages of a quickstart, each cached by the digest of its inputs and options.
//!
//! A stage that fails leaves nothing but checkpoints, from which the next run continues. A stored result that turns out
//! to be damaged is made again, with a warning.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use prentice_base::{
    CODE_VERSION, ContentHash, Event, Events, Machine, RunManifest, Seed, Stage, StageCache, StageKey, digest_json,
    files,
};
use prentice_corpus::{Corpus, DecideOptions, IngestOptions, Split, decide, scan};
use prentice_model::{Compute, DecoderConfig, Model};
use prentice_sandbox::{Language, Sandbox, Toolchain};
use prentice_tokens::{
    EncodeOptions, EncodeSummary, FimOptions, TokenShard, VOCABULARY_FILE, Vocabulary, Words, encode_documents,
};
use prentice_train::{
    checkpoint::{self, RunState},
    examine::{Examination, ExamineOptions, HeldOutDocument, examine, token_counts},
    pretrain::{PretrainInputs, PretrainOptions, pretrain},
};
use serde_json::{Value, json};

use crate::{
    advice,
    error::{CliError, ErrorKind},
    execution::{self, Proof},
    format, memory,
};

/// A stage's result, with how it came about.
pub struct Done<T> {
    pub value: T,
    pub directory: PathBuf,
    pub manifest: RunManifest,
    /// Whether an earlier run's result was used.
    pub reused: bool,
}

/// What all stages share.
pub struct Context<'a> {
    pub cache: StageCache,
    pub seed: Seed,
    pub compute: Compute,
    pub events: Events<'a>,
}

/// A stage's figures and the digests of its output files.
pub type Outcome = (Value, BTreeMap<String, ContentHash>);

impl Context<'_> {
    /// Runs a stage unless its result is there. `work` makes it, `open` reads it; `began` is when work began, if before.
    pub fn run<T>(
        &self,
        key: &StageKey,
        began: Option<Instant>,
        detail: &str,
        work: impl FnOnce(&Stage) -> Result<Outcome, CliError>,
        open: impl Fn(&Stage, &RunManifest) -> Result<T, CliError>,
    ) -> Result<Done<T>, CliError> {
        let mut stage = self.cache.open(key)?;
        let name = key.stage.clone();
        if let Some(manifest) = stage.completed.take() {
            match open(&stage, &manifest) {
                Ok(value) => {
                    (self.events)(Event::StageReused { stage: name, key: stage.key.short() });
                    return Ok(Done { value, directory: stage.directory.clone(), manifest, reused: true });
                }
                Err(error) => (self.events)(Event::Warning {
                    message: format!("the stored result of stage `{name}` is made again: {}", error.message),
                }),
            }
        }
        if began.is_none() {
            (self.events)(Event::StageStarted { stage: name.clone(), detail: detail.to_owned() });
        }
        let began = began.unwrap_or_else(Instant::now);
        let outcome = work(&stage).and_then(|(summary, outputs)| {
            let seconds = began.elapsed().as_secs_f64();
            let kernels = self.compute.kernels.to_string();
            let manifest = manifest(key, stage.key, self.seed, &kernels, outputs, seconds, summary);
            keep_out_of_git(self.cache.root())?;
            stage.finish(manifest.clone())?;
            let value = open(&stage, &manifest)?;
            Ok((value, manifest))
        });
        let (value, manifest) = outcome.inspect_err(|_| self.sweep(&stage))?;
        let detail = manifest.summary["detail"].as_str().unwrap_or_default().to_owned();
        (self.events)(Event::StageFinished { stage: name, seconds: manifest.seconds, detail });
        Ok(Done { value, directory: stage.directory.clone(), manifest, reused: false })
    }

    /// Removes what a failed stage has written, unless the next run can continue from it.
    fn sweep(&self, stage: &Stage) {
        // A directory that cannot be read may hold checkpoints.
        let is_empty = checkpoint::list(&stage.path(CHECKPOINTS)).is_ok_and(|checkpoints| checkpoints.is_empty());
        if is_empty && fs::remove_dir_all(&stage.directory).is_ok() {
            // The directories above go too where nothing else is in them.
            let above = [Some(self.cache.root()), self.cache.root().parent()];
            let _ = above.into_iter().flatten().try_for_each(fs::remove_dir);
        }
    }
}

/// Tries out whether this machine executes programs safely, and how fast: once for each machine and interpreter.
pub fn execution(context: &Context) -> Result<Done<Proof>, CliError> {
    let python = Toolchain::find(Language::Python).map(|python| python.version).unwrap_or_default();
    let tier = Sandbox::best().map(|sandbox| sandbox.tier()).ok();
    let machine = Machine::current(0, "");
    let key = StageKey::new("execution", &json!({"tier": tier, "python": python, "machine": machine}));
    context.run(
        &key,
        None,
        "trying the sandbox",
        |stage| {
            let proof = execution::prove()?;
            let bytes = serde_json::to_vec_pretty(&proof)?;
            files::write_atomic(&stage.path(PROOF_FILE), &bytes)?;
            let outputs = BTreeMap::from([(PROOF_FILE.to_owned(), ContentHash::of(&bytes))]);
            Ok((json!({"detail": proof.in_words(), "proof": proof}), outputs))
        },
        |stage, _| Ok(serde_json::from_slice(&files::read(&stage.path(PROOF_FILE))?)?),
    )
}

const PROOF_FILE: &str = "proof.json";

/// Where a training run has its checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";

/// Keeps a directory of ours out of git, and out of the next scan of the tree it lies in.
pub fn keep_out_of_git(directory: &Path) -> Result<(), CliError> {
    let path = directory.join(".gitignore");
    if !path.exists() {
        files::write_atomic(&path, b"*\n")?;
    }
    Ok(())
}

/// How a result came about, for a file beside it.
pub fn manifest(
    key: &StageKey,
    digest: ContentHash,
    seed: Seed,
    kernels: &str,
    outputs: BTreeMap<String, ContentHash>,
    seconds: f64,
    summary: Value,
) -> RunManifest {
    RunManifest {
        stage: key.stage.clone(),
        key: digest,
        code_version: CODE_VERSION.to_owned(),
        commit: option_env!("PRENTICE_COMMIT").map(str::to_owned),
        inputs: key.inputs.clone(),
        options: key.options.clone(),
        seed,
        outputs,
        machine: Machine::current(rayon::current_num_threads(), kernels),
        seconds,
        summary,
    }
}

/// Reads a tree and decides what stays. Nothing is written where that leaves nothing to train or to examine on.
pub fn curate(context: &Context, path: &Path, options: &DecideOptions) -> Result<Done<Corpus>, CliError> {
    let began = Instant::now();
    let stage = "corpus".to_owned();
    (context.events)(Event::StageStarted { stage, detail: format!("reading {}", path.display()) });
    let scan = scan(path, &IngestOptions::default(), context.events).map_err(advice::ingest)?;
    let corpus = decide(&scan, options);
    corpus.require_kept().map_err(advice::corpus)?;
    if corpus.documents(Split::HeldOut).next().is_none() {
        let message = format!("only one file in {} is kept: none is left to examine on", path.display());
        return Err(CliError::new(ErrorKind::TaskFailed, message).hint("give a tree with more source files"));
    }
    let key = StageKey::new("corpus", &json!({"decide": options})).input("tree", scan.digest);
    drop(scan);
    context.run(
        &key,
        Some(began),
        "",
        move |stage| {
            corpus.write(&stage.directory).map_err(advice::corpus)?;
            Ok((json!({"detail": curated(&corpus)}), BTreeMap::from([("corpus.json".to_owned(), corpus.digest())])))
        },
        |stage, _| Corpus::open(&stage.directory).map_err(advice::corpus),
    )
}

/// What became of a tree, in a few words.
pub fn curated(corpus: &Corpus) -> String {
    let funnel = corpus.funnel();
    format!(
        "{} of {} kept, {} to train on",
        format::count(funnel.train.files + funnel.held_out.files),
        format::counted(funnel.found.files, "file"),
        format::bytes(funnel.train.bytes)
    )
}

/// A vocabulary and the shards encoded with it.
pub struct Encoded {
    pub vocabulary: Vocabulary,
    pub train: TokenShard,
    pub held_out: Option<TokenShard>,
}

/// File names of an encoded corpus, beside [`VOCABULARY_FILE`].
pub const TRAIN_FILE: &str = "train.tokens";
/// See [`TRAIN_FILE`].
pub const HELD_OUT_FILE: &str = "held-out.tokens";

/// Learns a vocabulary and encodes both splits.
pub fn tokenise(
    context: &Context,
    corpus: &Corpus,
    vocabulary_size: usize,
    options: &EncodeOptions,
) -> Result<Done<Encoded>, CliError> {
    let key = StageKey::new("tokens", &json!({"vocabulary": vocabulary_size, "encode": options}))
        .input("corpus", corpus.kept_digest());
    context.run(
        &key,
        None,
        &format!("learning {} tokens, then encoding", format::count(vocabulary_size as u64)),
        |stage| {
            let texts = texts(corpus, Split::Train);
            let vocabulary = Vocabulary::train(texts.iter().copied(), vocabulary_size, Words::Text, context.events)
                .map_err(advice::vocabulary)?;
            memory::release();
            let summary = encode(corpus, &vocabulary, options, context.events, &stage.directory)?;
            let encoded = open_encoded(&stage.directory)?;
            Ok((json!({"detail": encoded_in_words(&summary), "encode": summary}), encoded.digests()))
        },
        |stage, _| open_encoded(&stage.directory),
    )
}

/// What encoding came to, in a few words.
pub fn encoded_in_words(summary: &EncodeSummary) -> String {
    format!(
        "{} tokens of {} bytes, rows {} full",
        format::count(summary.tokens),
        format::decimal(summary.bytes_per_token, 2),
        format::percent(summary.fill_rate)
    )
}

/// Encodes both splits of a corpus into `directory`, beside the vocabulary.
pub fn encode(
    corpus: &Corpus,
    vocabulary: &Vocabulary,
    options: &EncodeOptions,
    events: Events,
    directory: &Path,
) -> Result<EncodeSummary, CliError> {
    files::create_dir(directory)?;
    let train = texts(corpus, Split::Train);
    let summary =
        encode_documents(&train, vocabulary, options, events, &directory.join(TRAIN_FILE)).map_err(advice::encode)?;
    let held_out = texts(corpus, Split::HeldOut);
    let path = directory.join(HELD_OUT_FILE);
    if held_out.iter().any(|text| !text.is_empty()) {
        let options = EncodeOptions { fim: FimOptions::NONE, passes: 1, ..*options };
        encode_documents(&held_out, vocabulary, &options, events, &path).map_err(advice::encode)?;
    } else if path.exists() {
        // Of an earlier corpus.
        fs::remove_file(&path).map_err(prentice_base::FileError::new("remove", &path))?;
    }
    vocabulary.save(&directory.join(VOCABULARY_FILE)).map_err(advice::vocabulary)?;
    Ok(summary)
}

/// Opens what [`encode`] wrote.
pub fn open_encoded(directory: &Path) -> Result<Encoded, CliError> {
    let vocabulary = Vocabulary::load(&directory.join(VOCABULARY_FILE)).map_err(advice::vocabulary)?;
    let open = |name: &str| TokenShard::open(&directory.join(name), &vocabulary.digest()).map_err(advice::shard);
    let train = open(TRAIN_FILE)?;
    let held_out = if directory.join(HELD_OUT_FILE).exists() { Some(open(HELD_OUT_FILE)?) } else { None };
    Ok(Encoded { vocabulary, train, held_out })
}

impl Encoded {
    /// Digests of what is trained on, by file name.
    pub fn digests(&self) -> BTreeMap<String, ContentHash> {
        let mut digests = BTreeMap::from([
            (VOCABULARY_FILE.to_owned(), self.vocabulary.digest()),
            (TRAIN_FILE.to_owned(), shard_digest(&self.train)),
        ]);
        if let Some(held_out) = &self.held_out {
            digests.insert(HELD_OUT_FILE.to_owned(), shard_digest(held_out));
        }
        digests
    }
}

/// Which rows there are, and what is in them.
fn shard_digest(shard: &TokenShard) -> ContentHash {
    digest_json(&(shard.rows(), shard.tokens(), shard.data_digest()))
}

fn texts(corpus: &Corpus, split: Split) -> Vec<&str> {
    corpus.documents(split).map(|document| document.text).collect()
}

/// A trained model.
pub struct Trained {
    pub model: Model,
    pub state: RunState,
}

/// Trains a model.
pub fn train(
    context: &Context,
    encoded: &Encoded,
    config: &DecoderConfig,
    options: &PretrainOptions,
) -> Result<Done<Trained>, CliError> {
    const STATE: &str = "state.json";
    const MODEL: &str = "model";
    let key = training_key(context.compute, encoded, config, options);
    context.run(
        &key,
        None,
        &format!("{} parameters", format::compact(config.parameter_count() as u64)),
        |stage| {
            let trained = pretrain_model(context, encoded, config, options, &stage.path(CHECKPOINTS))?;
            checkpoint::save_model(&stage.path(MODEL), &trained.model, &encoded.vocabulary)?;
            let state = serde_json::to_vec(&trained.state)?;
            files::write_atomic(&stage.path(STATE), &state)?;
            let outputs = BTreeMap::from([
                (MODEL.to_owned(), trained.model.digest()),
                (STATE.to_owned(), ContentHash::of(&state)),
            ]);
            Ok((trained.figures(), outputs))
        },
        |stage, _| {
            let (model, _) = checkpoint::load_model(&stage.path(MODEL)).map_err(advice::resume)?;
            let state = serde_json::from_slice(&files::read(&stage.path(STATE))?)?;
            Ok(Trained { model, state })
        },
    )
}

/// What a training run depends on.
pub fn training_key(
    compute: Compute,
    encoded: &Encoded,
    config: &DecoderConfig,
    options: &PretrainOptions,
) -> StageKey {
    let options = json!({
        "config": config,
        "options": options,
        "precision": compute.precision,
        "kernels": compute.kernels.to_string(),
    });
    encoded.digests().into_iter().fold(StageKey::new("train", &options), |key, (name, digest)| key.input(&name, digest))
}

/// Trains without the cache, continuing from checkpoints that are there.
pub fn pretrain_model(
    context: &Context,
    encoded: &Encoded,
    config: &DecoderConfig,
    options: &PretrainOptions,
    checkpoints: &Path,
) -> Result<Trained, CliError> {
    let inputs = PretrainInputs {
        train: &encoded.train,
        held_out: encoded.held_out.as_ref(),
        vocabulary: &encoded.vocabulary,
        initial: Model::initialise(config.clone(), context.seed)?,
    };
    let trained = pretrain(inputs, options, context.compute, checkpoints, context.events).map_err(advice::pretrain)?;
    Ok(Trained { model: trained.model, state: trained.state })
}

impl Trained {
    /// Tokens trained on per second.
    pub fn tokens_per_second(&self) -> f64 {
        self.state.tokens as f64 / self.state.training_seconds.max(1e-9)
    }

    /// Figures for the manifest.
    pub fn figures(&self) -> Value {
        let detail = format!(
            "{} steps, {} tokens, {} tokens/s",
            format::count(self.state.step),
            format::compact(self.state.tokens),
            format::rate(self.tokens_per_second())
        );
        let state = &self.state;
        json!({
            "detail": detail,
            "steps": state.step,
            "tokens": state.tokens,
            "seconds": state.seconds,
            "training_seconds": state.training_seconds,
            "last": state.curve.last(),
            "evaluations": state.evaluations,
        })
    }
}

/// Examines a model on the held-out part of a corpus. What `figures` gives after the work is kept in the manifest.
pub fn examination(
    context: &Context,
    model: &Model,
    vocabulary: &Vocabulary,
    corpus: &Corpus,
    options: &ExamineOptions,
    figures: impl FnOnce() -> Value,
) -> Result<Done<Examination>, CliError> {
    let compute = context.compute;
    let options_digested =
        json!({"options": options, "precision": compute.precision, "kernels": compute.kernels.to_string()});
    let key = StageKey::new("examine", &options_digested)
        .input("model", model.digest())
        .input(VOCABULARY_FILE, vocabulary.digest())
        .input("corpus", corpus.kept_digest());
    context.run(
        &key,
        None,
        "held-out files",
        |stage| {
            let result = examine_corpus(model, vocabulary, corpus, options, compute, context.events);
            let bytes = serde_json::to_vec(&result)?;
            files::write_atomic(&stage.path(EXAMINATION_FILE), &bytes)?;
            let summary =
                json!({"detail": examined_in_words(&result), "overall": result.overall, "figures": figures()});
            Ok((summary, BTreeMap::from([(EXAMINATION_FILE.to_owned(), ContentHash::of(&bytes))])))
        },
        |stage, _| Ok(serde_json::from_slice(&files::read(&stage.path(EXAMINATION_FILE))?)?),
    )
}

/// Name of the file with every figure and every line of an examination.
pub const EXAMINATION_FILE: &str = "examination.json";

/// What an examination came to, in a few words.
pub fn examined_in_words(examination: &Examination) -> String {
    let overall = &examination.overall;
    format!(
        "{} bits per byte, {} of {} exact",
        format::decimal(overall.bits_per_byte, 3),
        format::percent(overall.fim_exact_match),
        format::counted(overall.holes, "line")
    )
}

/// Examines without the cache.
pub fn examine_corpus(
    model: &Model,
    vocabulary: &Vocabulary,
    corpus: &Corpus,
    options: &ExamineOptions,
    compute: Compute,
    events: Events,
) -> Examination {
    let counts = token_counts(vocabulary, &texts(corpus, Split::Train));
    let documents: Vec<HeldOutDocument> = corpus
        .documents(Split::HeldOut)
        .map(|document| HeldOutDocument {
            path: &document.provenance.path,
            language: Some(document.language),
            text: document.text,
        })
        .collect();
    examine(model, vocabulary, &counts, &documents, options, compute, events)
}
