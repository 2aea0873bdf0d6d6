// The keys of what the process takes from itself, and the paths that it has to keep.

package config

import (
	"time"

	"bailiwick/internal/confine"
	"bailiwick/internal/querylog"
)

// confineKeys are the rows of what the process takes from itself.
var confineKeys = []key{
	{key: "process.user", kind: kindString,
		help: "user that a server that root starts becomes before it reads anything from the " +
			"network: a name, name:group, or numbers as in 65534:65534; it keeps the capability " +
			"to listen below port 1024, and has to be able to read all files; empty: it stays " +
			"who it is",
		binding: bindText(func(c *Config) *string { return &c.Confine.User }, userName)},
	{key: "process.landlock", kind: kindChoice, choices: []string{"auto", "off"},
		help: "whether the server can use only the directories of the files that its " +
			"configuration names, and some of the system; auto: where the kernel has landlock; " +
			"another directory needs a restart",
		binding: bindChoice(func(c *Config) *confine.Mode { return &c.Confine.Landlock },
			confine.Auto, confine.Off)},
	{key: "process.seccomp", kind: kindChoice, choices: []string{"auto", "off"},
		help: "whether system calls fail that no resolver makes, such as mount and ptrace; auto: " +
			"where the kernel has filters",
		binding: bindChoice(func(c *Config) *confine.Mode { return &c.Confine.Seccomp },
			confine.Auto, confine.Off)},
	{key: "process.capabilities", kind: kindChoice, choices: []string{"auto", "off"},
		help: "whether capabilities are dropped that the server has no use for; off: it keeps " +
			"what it is started with, unless it becomes another user",
		binding: bindChoice(func(c *Config) *confine.Mode { return &c.Confine.Capabilities },
			confine.Auto, confine.Off)},
	{key: "process.rest", kind: kindDuration, min: 0, max: 3600,
		help: "how long nobody asks what is not in the cache before the server rests: it looks " +
			"for nothing by the clock until somebody asks again, or the network changes, and " +
			"does what is due then; 0: never",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.Rest })},
}

// userName reads a user, "" for none.
func userName(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return s, confine.ParseUser(s)
}

// accesses are for the keys of files that are made, renamed and removed. All others are read.
var accesses = map[string]confine.Access{"query_log.file": confine.Write,
	"dnstap.file": confine.Write, "state.directory": confine.Write,
	"control.socket": confine.Socket}

// name notes a path that a key names.
func (c *Config) name(key, path string) {
	if path != "" {
		c.named = append(c.named, confine.Path{Path: path, Access: accesses[key], For: key})
	}
}

// Paths returns the files that the configuration consists of and names, but for those that stand
// for a choice of the server's: state.directory and control.socket.
func (c *Config) Paths() (all []confine.Path) {
	for _, file := range c.files {
		all = append(all, confine.Path{Path: file, For: "the configuration"})
	}
	for _, p := range c.named {
		if p.For != "state.directory" && p.For != "control.socket" {
			all = append(all, p)
		}
	}
	for i := range c.Views {
		if l, own := c.QueryLogOf(i); own && l.To == querylog.File && l.Path != "" {
			all = append(all, confine.Path{Path: l.Path, Access: confine.Write,
				For: c.Views[i].Key + ".query_log"})
		}
	}
	return all
}
