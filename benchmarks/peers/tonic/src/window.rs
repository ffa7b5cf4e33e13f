use std::error::Error;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Those of benchmarks/load.py.
#[derive(Serialize)]
pub struct Figures {
    count: usize,
    took_s: f64,
    p50_us: f64,
    p99_us: f64,
    server_us: f64,
    client_us: f64,
}

/// A stretch of time over which calls and processor time are counted.
pub struct Window {
    pub begun: Instant,
    server_pid: u32,
    server_s: f64,
    client_s: f64,
}

impl Window {
    pub fn open(server_pid: u32) -> Result<Window, Box<dyn Error>> {
        Ok(Window {
            server_pid,
            server_s: processor_time_of(server_pid)?,
            client_s: processor_time_of(std::process::id())?,
            begun: Instant::now(),
        })
    }

    pub fn close(self, mut taken: Vec<Duration>) -> Result<Figures, Box<dyn Error>> {
        let took_s = self.begun.elapsed().as_secs_f64();
        let client_s = processor_time_of(std::process::id())? - self.client_s;
        let server_s = processor_time_of(self.server_pid)? - self.server_s;
        if taken.is_empty() {
            return Err("not one call was answered in the time of the measurement".into());
        }
        taken.sort_unstable();
        let count = taken.len();
        Ok(Figures {
            count,
            took_s,
            p50_us: taken[count / 2].as_secs_f64() * 1e6,
            p99_us: taken[count * 99 / 100].as_secs_f64() * 1e6,
            server_us: server_s / count as f64 * 1e6,
            client_us: client_s / count as f64 * 1e6,
        })
    }
}

/// Reads fields 14 and 15 of proc(5), after the name in brackets.
fn processor_time_of(pid: u32) -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // Linux counts in hundredths of a second here, whatever its own clock does.
    Ok(ticks as f64 / 100.0)
}
