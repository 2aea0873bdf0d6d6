package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"bailiwick/internal/console"
	"bailiwick/internal/explain"
	"bailiwick/wire"
)

// Exit statuses of explain, besides 0 for a secure answer.
const (
	statusInsecure = 3 // there is an answer, and it is not proven
	statusBogus    = 4 // the chain of trust is broken
)

// explainFlags are how a report is made and printed.
type explainFlags struct {
	file, socket, colour, client string
	inLab, running, fresh        bool
	json, dot, svg, html, schema bool
}

func explainCommand() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain NAME [TYPE]",
		Short: "Show the chain of trust of a name, and the link of it that is broken",
		Long: "Resolve a name and show its chain of trust: every zone, key, DS and signature, " +
			"proofs of denial in words, the servers that were asked, aliases, exceptions, and " +
			"the exact link that is broken, with its cause, its remedy and who has to act.\n" +
			"The name is resolved here, from the root; with --lab in the embedded signed " +
			"internet; with --running by the running server, with its caches, its policy and " +
			"the failures that it has kept.\n\n" +
			"Exit status: 0 secure; 1 failure; 2 wrong use, or no answer for another reason than " +
			"DNSSEC, or clients get another one by policy; 3 an answer that is not proven; " +
			"4 bogus.",
		Example: "  bailiwick explain www.example.com AAAA\n  bailiwick explain --lab " +
			"www.expired.faulty --html > chain.html\n  bailiwick explain --running www.example.com",
		Args:              cobra.RangeArgs(0, 2),
		ValidArgsFunction: completeQuestion,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.schema {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(explain.Schema())
			}
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "config", "c", "", "configuration `FILE`")
	flags.StringVarP(&f.socket, "socket", "s", "", "control socket's `PATH`, for --running")
	flags.BoolVar(&f.inLab, "lab", false,
		"ask the embedded signed internet instead of the real one")
	flags.BoolVar(&f.running, "running", false, "have the running server explain it")
	flags.StringVar(&f.client, "client", "",
		"with --running: as for the client at this `ADDRESS`, by its view")
	flags.BoolVar(&f.fresh, "fresh", false,
		"with --running: resolve it anew, without what the server has in its caches")
	flags.BoolVar(&f.json, "json", false, "print JSON; --schema describes it")
	flags.BoolVar(&f.dot, "dot", false, "print a graph for Graphviz")
	flags.BoolVar(&f.svg, "svg", false, "print a drawing")
	flags.BoolVar(&f.html, "html", false, "print a page")
	flags.BoolVar(&f.schema, "schema", false, "print the JSON schema of --json")
	flags.StringVar(&f.colour, "color", "auto", "colours: auto, always or never")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

// run makes a report, prints it, and returns what the exit status tells.
func (f *explainFlags) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return wrongUse("explain: of what name? usage: bailiwick explain NAME [TYPE]")
	}
	if err := f.check(); err != nil {
		return err
	}
	q, err := parseQuestion(args)
	if err != nil {
		return err
	}
	var r *explain.Report
	if f.running {
		r, err = f.ofServer(q)
	} else {
		r, err = f.here(cmd, q)
	}
	if err != nil {
		return err
	}
	if err := f.print(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	return explainStatus(r)
}

// check reports flags that contradict each other.
func (f *explainFlags) check() error {
	forms := 0
	for _, form := range []bool{f.json, f.dot, f.svg, f.html} {
		if form {
			forms++
		}
	}
	switch {
	case forms > 1:
		return wrongUse("--json, --dot, --svg and --html: one form is printed")
	case f.inLab && f.running:
		return wrongUse("--lab and --running: a running server explains what it has itself")
	case f.fresh && !f.running:
		return wrongUse("--fresh is for --running: a name that is resolved here is resolved anew")
	case f.client != "" && !f.running:
		return wrongUse("--client is for --running: views are a server's")
	}
	return nil
}

// here resolves the name in this process.
func (f *explainFlags) here(cmd *cobra.Command, q wire.Question) (*explain.Report, error) {
	r, _, err := ownResolver(cmd.ErrOrStderr(), f.file, f.inLab, nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return explain.Explain(context.Background(), r, q).Forget(), nil
}

// ofServer has the running server explain the name.
func (f *explainFlags) ofServer(q wire.Question) (*explain.Report, error) {
	path, err := controlSocket(f.socket, f.file)
	if err != nil {
		return nil, err
	}
	args := map[string]string{"name": q.Name.String(), "type": q.Type.String(),
		"fresh": fmt.Sprint(f.fresh)}
	if f.client != "" {
		args["client"] = f.client
	}
	result, err := console.Call(path, console.Request{Command: "explain", Args: args}, io.Discard)
	if err != nil {
		return nil, err
	}
	return reportOf[explain.Report](result)
}

// reportOf returns the report that the fields of a result are.
func reportOf[T any](result console.Result) (*T, error) {
	text, err := json.Marshal(result.Fields)
	if err != nil {
		return nil, err
	}
	r := new(T)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("the server's report cannot be read: %w", err)
	}
	return r, nil
}

// print writes a report in the form that is asked for.
func (f *explainFlags) print(out io.Writer, r *explain.Report) error {
	switch {
	case f.json:
		return r.JSON(out)
	case f.dot:
		return r.Dot(out)
	case f.svg:
		return r.SVG(out)
	case f.html:
		return r.HTML(out)
	}
	colour, err := wantsColour(f.colour, out)
	if err != nil {
		return err
	}
	return r.Text(out, colour)
}

// wantsColour reports whether a text is to have colours: on a terminal, unless NO_COLOR is set to
// anything (https://no-color.org).
func wantsColour(choice string, out io.Writer) (bool, error) {
	switch choice {
	case "always", "never":
		return choice == "always", nil
	case "auto":
	default:
		return false, wrongUse("--color %s: auto, always or never", choice)
	}
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false, nil
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0, nil
}

// explainStatus returns the exit status that tells of a report.
func explainStatus(r *explain.Report) error {
	switch {
	case r.Instead != nil:
		return &exitError{nil, statusUnresolved}
	case r.Status == wire.Secure.String() && r.Broken == nil:
		return nil
	case r.Status == wire.Bogus.String():
		return &exitError{nil, statusBogus}
	case r.Broken != nil:
		return &exitError{nil, statusUnresolved}
	}
	return &exitError{nil, statusInsecure}
}
