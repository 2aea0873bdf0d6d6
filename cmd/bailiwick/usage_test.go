package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What a command line does not know ends with status 2, an error, and what was probably meant: a
// script that mistypes does not go on as if it were done.
func TestUnknownWordsEndWithStatus2(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"nonsense", `bailiwick has no command "nonsense". Its commands are`},
		{"serv", "did you mean bailiwick serve?"},
		{"dig a.example", "did you mean bailiwick query?"},
		{"reload", "did you mean bailiwick ctl reload?"},
		{"ctl --socket /nowhere reconfig", "did you mean bailiwick ctl reload?"},
		{"ctl flsh a.example", "did you mean bailiwick ctl flush?"},
		{"ctl clock forward 1h", `bailiwick ctl clock has no command "forward"`},
		{"config lint", "did you mean bailiwick config check?"},
		{"config lint --help", "did you mean bailiwick config check?"},
		{"nonsense --help", `bailiwick has no command "nonsense"`},
		{"completion bsh", "did you mean bailiwick completion bash?"},
		{"help ctl reconfig", "did you mean bailiwick ctl reload?"},
		{"help nonsense", `bailiwick has no command "nonsense"`},
		{"serve now", `bailiwick serve: "now" is too much; usage: bailiwick serve`},
		{"serve a.yaml", "did you mean --config a.yaml?"},
		{"lab now", `bailiwick lab has no command "now"`},
		{"lab fault expird bank.example", "did you mean expired?"},
		{"lab fault expired", "an argument is missing; usage: bailiwick lab fault FAULT NAME"},
		{"lab play", "an argument is missing"},
		{"version now", `bailiwick version: "now" is too much`},
		{"completion bash now", `"now" is too much`},
		{"config schema now", `"now" is too much`},
		{"config check", "bailiwick config check: an argument is missing; usage: bailiwick " +
			"config check FILE"},
		{"config check a b", `"b" is too much`},
		{"config check -c a.yaml", "did you mean bailiwick config check FILE?"},
		{"config show --config a.yaml", "did you mean bailiwick config show [FILE]?"},
		{"config show a b", `"b" is too much`},
		{"config dnr", "an argument is missing"},
		{"ctl status now", `"now" is too much`},
		{"ctl flush", "one of NAME, --bogus, --negative, --all is missing"},
		{"ctl flush a b", `"b" is too much`},
		{"ctl clock advance", "an argument is missing"},
		{"query", "an argument is missing"},
		{"query a.example A AAAA", `"AAAA" is too much`},
		{"query a.example A @127.0.0.1 AAAA", `"AAAA" is too much`},
		{"query @127.0.0.1", "of what name?"},
		{"query @ a.example", "without a space"},
		{"query @127.0.0.1 @127.0.0.2 a.example", "one server is asked"},
		{"query @127.0.0.1:dns a.example", `"dns" is not a port`},
		{"query @127.0.0.1 --trace a.example", "are for names that are resolved here"},
		{"query --port 5300 a.example", "--port is for a server"},
		{"serve --cofnig a.yaml", "did you mean --config?"},
		{"query --labb a.example", "did you mean --lab?"},
		{"lab --port many", `invalid argument "many"`},
		{"ctl", ""},
		{"config", ""},
		{"ctl clock", ""},
		{"", ""},
	} {
		out, err := call(strings.Fields(c.args)...)
		var exit *exitError
		if !errors.As(err, &exit) || exit.code != 2 {
			t.Errorf("%s: %v, want an error of status 2", c.args, err)
			continue
		}
		if exit.error == nil {
			if !strings.Contains(out, "Available Commands:") {
				t.Errorf("%s: want the help in\n%s", c.args, out)
			}
		} else if !strings.Contains(exit.Error(), c.want) || out != "" {
			t.Errorf("%s: got %q and output %q, want %q", c.args, exit.Error(), out, c.want)
		}
	}
}

// Help and version are asked for, and end with status 0.
func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{
		"--help":          "Exit status: 0 done",
		"help":            "Available Commands:",
		"help ctl flush":  "bailiwick ctl flush [NAME]",
		"ctl flush -h":    "bailiwick ctl flush [NAME]",
		"config --help":   "Available Commands:",
		"--version":       "bailiwick development",
		"-v":              "bailiwick development",
		"version":         "bailiwick development",
		"completion bash": "bailiwick",
	} {
		if out, err := call(strings.Fields(args)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, want %q in\n%s", args, err, want, out)
		}
	}
}

// TestVersionOfARelease tells the revision that the build of a release says, as the compiler knows
// none in a copy without its history.
func TestVersionOfARelease(t *testing.T) {
	defer func(v, r string) { version, revision = v, r }(version, revision)
	version, revision = "1.2.3", "0123456789abcdef0123456789abcdef01234567"
	if got := versionText(); !strings.HasPrefix(got, "bailiwick 1.2.3 "+revision+" ") {
		t.Errorf("it says %q", got)
	}
}

// Completion offers types behind a name, configurations where one is wanted, and files nowhere
// else.
func TestCompletion(t *testing.T) {
	const noFiles, byExtension = ":4", ":8"
	for args, want := range map[string][]string{
		"query |":                {noFiles},
		"query a.example |":      {"AAAA", "HTTPS", "DNSKEY", noFiles},
		"query a.example h|":     {"HTTPS", noFiles},
		"ctl flush |":            {noFiles},
		"ctl |":                  {"flush", "status", noFiles},
		"config check |":         {"yaml", byExtension},
		"config show |":          {"yaml", byExtension},
		"config dnr |":           {"yaml", byExtension},
		"serve |":                {noFiles},
		"serve --config |":       {"yaml", byExtension},
		"query --config |":       {"yaml", byExtension},
		"lab |":                  {noFiles},
		"version |":              {noFiles},
		"config schema |":        {noFiles},
		"help c|":                {"ctl", "config", noFiles},
		"ctl clock advance |":    {noFiles},
		"query a.example type6|": {noFiles},
	} {
		words := strings.Fields(args)
		last := len(words) - 1
		words[last] = strings.TrimSuffix(words[last], "|")
		out, err := call(append([]string{"__complete"}, words...)...)
		if err != nil {
			t.Errorf("%s: %v", args, err)
		}
		lines := "\n" + out
		for _, w := range want {
			if !strings.Contains(lines, "\n"+w) {
				t.Errorf("%s: want %s in\n%s", args, w, out)
			}
		}
		if strings.HasPrefix(args, "query a.example h") && strings.Contains(lines, "\nAAAA") {
			t.Errorf("%s: offers what does not begin so", args)
		}
	}
}

// TestExamplesOfHelpAreCommands shows that each example of a command's help can be typed as it
// stands, and is of a command that there is.
func TestExamplesOfHelpAreCommands(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		goesOn := false
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "sudo "))
			first := !goesOn
			goesOn = strings.HasSuffix(strings.TrimSpace(line), `\`)
			if !first || len(words) == 0 {
				continue
			}
			found, _, err := newRoot().Find(words[1:])
			if !strings.HasPrefix(line, "  ") || words[0] != "bailiwick" || err != nil ||
				!found.HasParent() {
				t.Errorf("%s: the example %q is not one of ours", c.CommandPath(), line)
			}
		}
	}
	visit(newRoot())
}
