//! Adapters in the layout of Hugging Face PEFT: a directory with `adapter_config.json` and `adapter_model.safetensors`,
//! whose tensors are called `base_model.model.<module>.lora_A.weight` and `.lora_B.weight`.
//!
//! The metadata of the weights also carry the digest of the model that the adapters were trained on; a file that has none,
//! as PEFT writes it, is taken on trust. Settings that would make another computation are refused by name. *Not covered*:
//! regular expressions for targets, value heads (they stay in Prentice's own checkpoints).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use prentice_base::{FileError, files};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    adapters::{AdapterError, LoraOptions, LoraTarget},
    architectures::decoder::NamedTensor,
    checkpoint::{CheckpointError, TensorFile, write_tensors},
    model::Model,
};

/// Name of the configuration's file.
pub const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";
/// Name of the weights' file.
pub const ADAPTER_WEIGHTS_FILE: &str = "adapter_model.safetensors";

const PREFIX: &str = "base_model.model.";
const BASE_KEY: &str = "prentice.base";

/// The fields of PEFT's `LoraConfig` that are written.
#[derive(Serialize)]
struct AdapterConfig<'a> {
    peft_type: &'static str,
    task_type: &'static str,
    base_model_name_or_path: &'a str,
    r: usize,
    lora_alpha: Value,
    target_modules: Vec<String>,
    lora_dropout: f64,
    bias: &'static str,
    fan_in_fan_out: bool,
    init_lora_weights: bool,
    inference_mode: bool,
}

/// What is read.
#[derive(Deserialize)]
struct FoundConfig {
    peft_type: String,
    r: usize,
    lora_alpha: f64,
    target_modules: Value,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// Fields that do not change what a trained adapter computes. All others must be unset.
const HARMLESS: [&str; 9] = [
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "task_type",
];

impl FoundConfig {
    fn options(&self) -> Result<LoraOptions, AdapterError> {
        let refuse = |field: &str, value: &Value, limit: &str| {
            Err(AdapterError::Unsupported { field: field.into(), value: value.to_string(), limit: limit.into() })
        };
        if self.peft_type != "LORA" {
            return refuse("peft_type", &self.peft_type.as_str().into(), "knows LORA");
        }
        for (field, value) in self.others.iter().filter(|(field, _)| !HARMLESS.contains(&field.as_str())) {
            let is_unset = match value {
                Value::Null => true,
                // Other ways to begin change the model itself.
                Value::Bool(_) if field == "init_lora_weights" => true,
                Value::Bool(set) => !set,
                Value::String(text) => text == "none" || (field == "init_lora_weights" && text == "gaussian"),
                Value::Array(elements) => elements.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                Value::Number(_) => false,
            };
            if !is_unset {
                return refuse(field, value, "does not implement it");
            }
        }
        let targets = match &self.target_modules {
            Value::String(text) if text == "all-linear" => Ok(LoraTarget::ALL.to_vec()),
            listed => serde_json::from_value::<Vec<LoraTarget>>(listed.clone()),
        };
        let Ok(mut targets) = targets else {
            let known = LoraTarget::ALL.map(|target| target.to_string()).join(", ");
            return refuse("target_modules", &self.target_modules, &format!("knows lists of {known}, and all-linear"));
        };
        // PEFT writes a set, in any order.
        targets.sort_unstable();
        Ok(LoraOptions { rank: self.r, alpha: self.lora_alpha, targets })
    }
}

impl Model {
    /// Writes the adapters as `adapter_config.json` and `adapter_model.safetensors` to `directory`, each atomically. `base`
    /// is where other programs find the model that they were trained on: a path or a name on a hub.
    ///
    /// # Errors
    /// A file cannot be written; files that were there stay as they are.
    ///
    /// # Panics
    /// The model has no adapters.
    pub fn save_adapter(&self, directory: &Path, base: &str) -> Result<(), FileError> {
        let options = self.adapters().expect("a model with adapters");
        files::create_dir(directory)?;
        let names: Vec<String> = self.adapter_tensors().map(|tensor| format!("{PREFIX}{}", tensor.name)).collect();
        let tensors: Vec<(&str, &[usize], &[f32])> = self
            .adapter_tensors()
            .zip(&names)
            .map(|(tensor, name)| (name.as_str(), tensor.shape.as_slice(), &self.parameters()[tensor.range.clone()]))
            .collect();
        let metadata = BTreeMap::from([
            ("format".to_owned(), "pt".to_owned()),
            (BASE_KEY.to_owned(), self.base_digest().to_string()),
        ]);
        write_tensors(&directory.join(ADAPTER_WEIGHTS_FILE), &metadata, &tensors)?;
        let alpha = options.alpha;
        let config = AdapterConfig {
            peft_type: "LORA",
            task_type: "CAUSAL_LM",
            base_model_name_or_path: base,
            r: options.rank,
            // PEFT's own type is an integer.
            lora_alpha: if alpha.fract() == 0.0 { (alpha as i64).into() } else { alpha.into() },
            target_modules: options.targets.iter().map(LoraTarget::to_string).collect(),
            lora_dropout: 0.0,
            bias: "none",
            fan_in_fan_out: false,
            init_lora_weights: true,
            inference_mode: true,
        };
        let mut config = serde_json::to_vec_pretty(&config).expect("plain data");
        config.push(b'\n');
        files::write_atomic(&directory.join(ADAPTER_CONFIG_FILE), &config)
    }

    /// The model with the adapters in `directory`, as [`Model::save_adapter`] or PEFT wrote them.
    ///
    /// # Errors
    /// A file is missing or damaged, asks for what is not implemented, or does not fit the model; the model has adapters
    /// already.
    pub fn load_adapter(self, directory: &Path) -> Result<Model, CheckpointError> {
        let path = directory.join(ADAPTER_CONFIG_FILE);
        let found: FoundConfig = serde_json::from_slice(&files::read(&path)?)
            .map_err(|source| CheckpointError::AdapterConfig { path: path.clone(), source })?;
        let adapted = found.options().and_then(|options| self.with_zero_adapters(&options));
        let mut model = adapted.map_err(|source| CheckpointError::Adapters { path, source })?;

        let path = directory.join(ADAPTER_WEIGHTS_FILE);
        let bytes = files::read(&path)?;
        let file = TensorFile::parse(&path, &bytes)?;
        if let Some(expected) = file.metadata.get(BASE_KEY).and_then(|digest| digest.parse().ok()) {
            let found = model.base_digest();
            if expected != found {
                return Err(CheckpointError::Base { path, expected, found });
            }
        }
        let tensors: Vec<NamedTensor> = model.adapter_tensors().cloned().collect();
        let mut surplus: BTreeSet<&str> = file.names().collect();
        for tensor in &tensors {
            let name = format!("{PREFIX}{}", tensor.name);
            file.read(&name, &tensor.shape, &mut model.parameters_mut()[tensor.range.clone()])?;
            surplus.remove(name.as_str());
        }
        match surplus.first() {
            Some(name) => Err(file.problem(name, "belongs to no projection that the configuration names".into())),
            None => Ok(model),
        }
    }

    fn adapter_tensors(&self) -> impl Iterator<Item = &NamedTensor> {
        self.tensors().iter().filter(|tensor| tensor.name.contains(".lora_"))
    }
}
