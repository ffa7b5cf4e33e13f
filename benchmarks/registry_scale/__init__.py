"""
The registry at the size of a large fleet.

The servers, the bus and one consumer that is measured are what users run, each a process. The
providers and the other consumers are simulated, many in one process: `link` speaks the native
wire, and every message is decoded. All of them share the cores of one machine.
"""
