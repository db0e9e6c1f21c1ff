//! Selecting secrets by their labels.

use super::Labels;

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelFilter(Vec<LabelCondition>);

/// One condition on a secret's labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelCondition {
    /// The label is present with this value.
    Equal {
        /// The label's name.
        name: String,
        /// The value to find.
        value: String,
    },
    /// The label is absent, or has another value.
    NotEqual {
        /// The label's name.
        name: String,
        /// The value not to find.
        value: String,
    },
    /// The label is present.
    Exist {
        /// The label's name.
        name: String,
    },
}

impl LabelFilter {
    /// A filter of these conditions; none selects everything.
    pub fn new(conditions: Vec<LabelCondition>) -> Self {
        Self(conditions)
    }

    /// Whether every condition holds.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.0.iter().all(|condition| match condition {
            LabelCondition::Equal { name, value } => labels.get(name) == Some(value),
            LabelCondition::NotEqual { name, value } => labels.get(name) != Some(value),
            LabelCondition::Exist { name } => labels.get(name).is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &[&str]) -> Labels {
        Labels::new(text.iter().map(|t| t.parse().expect("a label")).collect()).expect("labels")
    }

    fn condition(op: char, name: &str, value: &str) -> LabelCondition {
        let (name, value) = (name.to_owned(), value.to_owned());
        match op {
            '=' => LabelCondition::Equal { name, value },
            '!' => LabelCondition::NotEqual { name, value },
            _ => LabelCondition::Exist { name },
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let prod = labels(&["env=prod", "team=a"]);
        let cases = [
            (vec![], true),
            (vec![condition('=', "env", "prod")], true),
            (vec![condition('=', "env", "dev")], false),
            (vec![condition('=', "absent", "")], false),
            (vec![condition('!', "env", "dev")], true),
            (vec![condition('!', "env", "prod")], false),
            (vec![condition('!', "absent", "x")], true),
            (vec![condition('?', "team", "")], true),
            (vec![condition('?', "absent", "")], false),
            (vec![condition('=', "env", "prod"), condition('=', "team", "b")], false),
        ];
        for (conditions, expected) in cases {
            let filter = LabelFilter::new(conditions);
            assert_eq!(filter.selects(&prod), expected, "{filter:?}");
        }
    }
}
