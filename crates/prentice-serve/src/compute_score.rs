//! The file that makes verl ask this service.

/// A self-contained Python file with verl's `compute_score(data_source, solution_str, ground_truth, extra_info)`, which
/// posts to `url` (such as `http://127.0.0.1:8080`) and returns the score. The token is read from the environment
/// variable `token_variable` when a score is asked for; the file itself holds none.
///
/// verl takes it through `custom_reward_function.path`. It raises where there is no score; what verl's reward managers
/// make of that stands at the top of the file.
pub fn compute_score_file(url: &str, token_variable: &str) -> String {
    // JSON's strings are Python's.
    let literal = |text: &str| serde_json::Value::from(text).to_string();
    include_str!("compute_score.py")
        .replace("\"@URL@\"", &literal(url.trim_end_matches('/')))
        .replace("\"@TOKEN_VARIABLE@\"", &literal(token_variable))
}
