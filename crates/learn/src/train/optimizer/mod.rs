//! The optimiser of all parameters, with groups that have their own learning rate or weight decay, or are frozen at first.

pub mod spec;

mod gradients;

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{Adam, AdamConfig, AdamW, AdamWConfig, GradientsParams, ModuleOptimizer, Sgd, SgdConfig};
use burn::tensor::Tensor;

pub use gradients::{clip_global_norm, clip_value, multiply};
use spec::{Group, Optimizer};

/// A group matches no parameter of the network.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("train.group: the network has no parameters named `{parameters}`; it has {}", known.join(", "))]
pub struct GroupError {
    /// The group's name as written.
    pub parameters: String,
    /// First components of the existing names.
    pub known: Vec<String>,
}

/// Learning-rate factors, weight decays and freezing of parameters.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Learning-rate factors other than 1.
    factors: Vec<(f64, Vec<ParamId>)>,
    /// Weight decays other than the optimiser's.
    decays: Vec<(f64, Vec<ParamId>)>,
    /// Initial epochs without updates.
    frozen: Vec<(usize, Vec<ParamId>)>,
}

impl Rules {
    /// The rules for the trained parameters of a network. Without `decay_norms_and_biases`, one-dimensional parameters have no weight
    /// decay, whatever their group says.
    ///
    /// # Errors
    /// A group matches nothing.
    pub fn new<M: Module>(
        network: &M,
        optimizer: &Optimizer,
        groups: &[Group],
        decay_norms_and_biases: bool,
    ) -> Result<Self, GroupError> {
        let mut names = Names::default();
        network.visit(&mut names);
        for group in groups {
            if !names.found.iter().any(|parameter| parameter.belongs_to(group)) {
                return Err(GroupError { parameters: group.parameters.clone(), known: names.parts() });
            }
        }
        let mut rules = Self::default();
        for parameter in &names.found {
            let group = groups.iter().rfind(|group| parameter.belongs_to(group));
            let base = optimizer.weight_decay();
            let decay = match group.and_then(|group| group.weight_decay) {
                _ if parameter.rank == 1 && !decay_norms_and_biases => 0.0,
                own => own.unwrap_or(base),
            };
            let factor = group.map_or(1.0, |group| group.learning_rate_factor);
            let frozen = group.map_or(0, |group| group.freeze_epochs);
            if decay != base {
                add(&mut rules.decays, decay, parameter.id);
            }
            if factor != 1.0 {
                add(&mut rules.factors, factor, parameter.id);
            }
            if frozen > 0 {
                add(&mut rules.frozen, frozen, parameter.id);
            }
        }
        Ok(rules)
    }

    /// The optimiser, without state.
    pub fn optimizer(&self, spec: &Optimizer) -> ModuleOptimizer {
        let groups = || self.decays.iter().map(|(decay, ids)| (*decay, ParamGroup::from_ids(ids.clone())));
        let base = spec.weight_decay();
        match spec {
            Optimizer::Adam(spec) => groups().fold(adam(spec, base).into(), |all: ModuleOptimizer, (decay, group)| {
                all.with_group(group, adam(spec, decay), None)
            }),
            Optimizer::Adamw(spec) => groups()
                .fold(adamw(spec, base).into(), |all: ModuleOptimizer, (decay, group)| {
                    all.with_group(group, adamw(spec, decay), None)
                }),
            Optimizer::Sgd(spec) => groups().fold(sgd(spec, base).into(), |all: ModuleOptimizer, (decay, group)| {
                all.with_group(group, sgd(spec, decay), None)
            }),
        }
    }

    /// Learning rates of all parameters.
    pub fn rates(&self, rate: f64) -> ModuleLearningRate {
        let groups = self.factors.iter();
        let all = ModuleLrScheduler::new(rate);
        groups.fold(all, |all, (factor, ids)| all.with_group(ParamGroup::from_ids(ids.clone()), rate * factor)).step()
    }

    /// Removes the gradients of parameters that are frozen in an epoch, counted from 1.
    pub fn freeze<M: Module>(&self, network: &M, gradients: &mut GradientsParams, epoch: usize) {
        let frozen = self.frozen.iter().filter(|(epochs, _)| epoch <= *epochs).flat_map(|(_, ids)| ids);
        let ids: Vec<ParamId> = frozen.copied().collect();
        if !ids.is_empty() {
            network.visit(&mut Remove { gradients, ids });
        }
    }
}

fn add<T: PartialEq>(groups: &mut Vec<(T, Vec<ParamId>)>, value: T, id: ParamId) {
    match groups.iter_mut().find(|(known, _)| *known == value) {
        Some((_, ids)) => ids.push(id),
        None => groups.push((value, vec![id])),
    }
}

fn adam(spec: &spec::Adam, weight_decay: f64) -> Adam {
    AdamConfig::new()
        .with_beta_1(spec.betas[0] as f32)
        .with_beta_2(spec.betas[1] as f32)
        .with_epsilon(spec.epsilon as f32)
        .with_weight_decay((weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32)))
        .build()
}

fn adamw(spec: &spec::AdamW, weight_decay: f64) -> AdamW {
    AdamWConfig::new()
        .with_beta_1(spec.betas[0] as f32)
        .with_beta_2(spec.betas[1] as f32)
        .with_epsilon(spec.epsilon as f32)
        .with_weight_decay(weight_decay as f32)
        .build()
}

fn sgd(spec: &spec::Sgd, weight_decay: f64) -> Sgd {
    let momentum = MomentumConfig::new().with_momentum(spec.momentum).with_dampening(0.0).with_nesterov(spec.nesterov);
    SgdConfig::new()
        .with_momentum((spec.momentum > 0.0).then_some(momentum))
        .with_weight_decay((weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32)))
        .build()
}

/// A trained parameter.
struct Parameter {
    /// Names of the modules that contain it and its own, joined by dots; without the architecture's.
    path: String,
    id: ParamId,
    rank: usize,
}

impl Parameter {
    fn belongs_to(&self, group: &Group) -> bool {
        let rest = self.path.strip_prefix(group.parameters.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// All trained parameters in module order.
#[derive(Default)]
struct Names {
    path: Vec<String>,
    found: Vec<Parameter>,
}

impl Names {
    /// First component of each path: the coarsest names that groups can use.
    fn parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        for parameter in &self.found {
            let part = parameter.path.split('.').next().unwrap_or_default();
            if !parts.iter().any(|known| known == part) {
                parts.push(part.to_owned());
            }
        }
        parts
    }
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        // The variant of the network's enum is omitted: an experiment has only one architecture.
        let architecture = self.path.is_empty() && container_type.starts_with("Enum:");
        self.path.push(if architecture { String::new() } else { name.to_owned() });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.val().is_require_grad() {
            let parts = self.path.iter().map(String::as_str).filter(|part| !part.is_empty());
            let path = parts.collect::<Vec<_>>().join(".");
            self.found.push(Parameter { path, id: param.id, rank: D });
        }
    }
}

struct Remove<'a> {
    gradients: &'a mut GradientsParams,
    ids: Vec<ParamId>,
}

impl ModuleVisitor for Remove<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.ids.contains(&param.id) {
            self.gradients.remove::<D>(param.id);
        }
    }
}

#[cfg(test)]
mod tests;
