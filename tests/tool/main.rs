//! Laws of the program: files, logs, errors, commands.

mod data;
