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
    server_user_us: f64,
    client_us: f64,
    client_user_us: f64,
}

/// A stretch of time over which calls and processor time are counted.
pub struct Window {
    pub begun: Instant,
    server_pid: u32,
    server: Times,
    client: Times,
}

impl Window {
    pub fn open(server_pid: u32) -> Result<Window, Box<dyn Error>> {
        Ok(Window {
            server_pid,
            server: Times::of(server_pid)?,
            client: Times::of(std::process::id())?,
            begun: Instant::now(),
        })
    }

    pub fn close(self, mut taken: Vec<Duration>) -> Result<Figures, Box<dyn Error>> {
        let took_s = self.begun.elapsed().as_secs_f64();
        let client = Times::of(std::process::id())?;
        let server = Times::of(self.server_pid)?;
        if taken.is_empty() {
            return Err("not one call was answered in the time of the measurement".into());
        }
        taken.sort_unstable();
        let count = taken.len();
        let each_us = |before: f64, after: f64| (after - before) / count as f64 * 1e6;
        Ok(Figures {
            count,
            took_s,
            p50_us: taken[count / 2].as_secs_f64() * 1e6,
            p99_us: taken[count * 99 / 100].as_secs_f64() * 1e6,
            server_us: each_us(self.server.all, server.all),
            server_user_us: each_us(self.server.user, server.user),
            client_us: each_us(self.client.all, client.all),
            client_user_us: each_us(self.client.user, client.user),
        })
    }
}

/// Seconds of the processor, in user mode and in all.
struct Times {
    user: f64,
    all: f64,
}

impl Times {
    /// Reads fields 14 and 15 of proc(5), after the name in brackets.
    fn of(pid: u32) -> Result<Times, Box<dyn Error>> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let after = text.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after.split_whitespace().collect();
        let (user, system) = (fields[11].parse::<u64>()?, fields[12].parse::<u64>()?);
        // Linux counts in hundredths of a second here, whatever its own clock does.
        Ok(Times {
            user: user as f64 / 100.0,
            all: (user + system) as f64 / 100.0,
        })
    }
}
