//! stub
pub struct PrefixQuery { pub ancestors: Vec<String>, pub range: (String, Option<String>) }
