// The commands of `bailiwick ctl`, from the table of operations.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
)

// ctl is what all commands of `bailiwick ctl` share: where the server is and how its reply is
// printed.
type ctl struct {
	socket, file string
	json         bool
}

// ctlCommand returns the command with all its subcommands.
func ctlCommand() *cobra.Command {
	c := &ctl{}
	cmd := &cobra.Command{Use: "ctl", Short: "Talk to a running server over its control socket"}
	c.register(cmd.PersistentFlags())
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	for _, o := range operations() {
		c.add(cmd, &o.Operation)
	}
	return cmd
}

// register adds the flags to a command.
func (c *ctl) register(flags *pflag.FlagSet) {
	flags.StringVarP(&c.socket, "socket", "s", "",
		"control socket's `PATH`; without it that of the configuration, or the usual place")
	flags.StringVarP(&c.file, "config", "c", "",
		"configuration `FILE` of the server")
	flags.BoolVar(&c.json, "json", false, "print the reply as JSON")
}

// add adds the command of an operation below those that its first words name.
func (c *ctl) add(to *cobra.Command, o *console.Operation) {
	words := strings.Fields(o.Name)
	for i, word := range words {
		at := slices.IndexFunc(to.Commands(),
			func(sub *cobra.Command) bool { return sub.Name() == word })
		if at < 0 {
			sub := &cobra.Command{Use: word, Short: groups[strings.Join(words[:i+1], " ")]}
			to.AddCommand(sub)
			to = sub
			continue
		}
		to = to.Commands()[at]
	}
	c.define(to, o)
}

// asTyped lists the arguments of which an operation needs one, as they are typed.
func asTyped(o *console.Operation) string {
	var names []string
	for _, p := range o.Params {
		switch {
		case !slices.Contains(o.OneOf, p.Name):
		case p.Positional:
			names = append(names, strings.ToUpper(p.Name))
		default:
			names = append(names, "--"+p.Name)
		}
	}
	return strings.Join(names, ", ")
}

// define has a command send an operation.
func (c *ctl) define(cmd *cobra.Command, o *console.Operation) {
	cmd.Short, cmd.Long, cmd.SuggestFor = o.Short, o.Long, o.Suggest
	if o.Example != "" {
		cmd.Example = "  bailiwick " + o.Example
	}
	var positional []console.Param
	least, most := 0, 0
	for _, p := range o.Params {
		if !p.Positional {
			addFlag(cmd.Flags(), p)
			continue
		}
		positional = append(positional, p)
		most++
		name := strings.ToUpper(p.Name)
		switch {
		case p.Kind == console.List:
			name, most = strings.TrimSuffix(name, "S")+"...", 1<<10
			least++
		case p.Required:
			least++
		default:
			name = "[" + name + "]"
		}
		cmd.Use += " " + name
	}
	cmd.Args = cobra.RangeArgs(least, most)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion,
		cobra.ShellCompDirective) {
		if n := len(args); n < len(positional) {
			return positional[n].Choices, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given, err := arguments(cmd.Flags(), o, positional, args)
		if err != nil {
			return err
		}
		if o.Lacks(given) {
			return wrongUse("%s: one of %s is missing; see %[1]s --help", cmd.CommandPath(),
				asTyped(o))
		}
		return c.call(cmd, o, given)
	}
}

// flagName is the name of the flag of an argument.
func flagName(p console.Param) string { return strings.ReplaceAll(p.Name, "_", "-") }

// addFlag adds the flag of an argument.
func addFlag(flags *pflag.FlagSet, p console.Param) {
	switch p.Kind {
	case console.Boolean:
		flags.Bool(flagName(p), false, p.Help)
	case console.Integer:
		flags.Int(flagName(p), 0, p.Help)
	default:
		flags.String(flagName(p), "", p.Help)
	}
}

// arguments returns those that are given on the command line.
func arguments(flags *pflag.FlagSet, o *console.Operation, positional []console.Param,
	args []string) (map[string]string, error) {
	given := map[string]string{}
	for i, value := range args {
		p := positional[min(i, len(positional)-1)]
		if p.Kind == console.List && i >= len(positional) {
			value = given[p.Name] + "," + value
		}
		given[p.Name] = value
		if p.Choices != nil && !slices.Contains(p.Choices, value) {
			text := fmt.Sprintf("%q is none of %s", value, strings.Join(p.Choices, ", "))
			if meant := config.Nearest(value, p.Choices); meant != "" {
				text += "; did you mean " + meant + "?"
			}
			return nil, wrongUse("%s: %s", p.Name, text)
		}
	}
	for _, p := range o.Params {
		f := flags.Lookup(flagName(p))
		if p.Positional || f == nil || !f.Changed {
			continue
		}
		given[p.Name] = f.Value.String()
	}
	return given, nil
}

// call sends an operation with its arguments, and prints the reply.
func (c *ctl) call(cmd *cobra.Command, o *console.Operation, args map[string]string) error {
	path, err := controlSocket(c.socket, c.file)
	if err != nil {
		return err
	}
	result, err := console.Call(path, console.Request{Command: o.Name, Args: args},
		cmd.OutOrStdout())
	switch {
	case err != nil || o.Stream:
		return err
	case c.json:
		return printJSON(cmd.OutOrStdout(), o, result)
	case o.Name == "report":
		return printReport(cmd.OutOrStdout(), result)
	case o.Name == "explain":
		return printExplained(cmd.OutOrStdout(), result)
	}
	return printText(cmd.OutOrStdout(), o, result)
}

// printJSON prints a result as one object, as the API does.
func printJSON(w io.Writer, o *console.Operation, r console.Result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(o.Object(r))
}

// printText prints the fields of a result, a line each, and then its table, in which long values of
// some columns are cut: one would make every line as long.
func printText(w io.Writer, o *console.Operation, r console.Result) error {
	for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
		if text := readable(r.Fields[k]); text != "" { // what there is none of has no line
			fmt.Fprintf(w, "%s: %s\n", k, text)
		}
	}
	if r.Columns == nil {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(r.Columns, "\t")))
	for _, row := range r.Rows {
		for i, v := range row {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			text := readable(v)
			if i < len(r.Columns) && cuts(o, r.Columns[i]) {
				text = cut(text, maxCell)
			}
			fmt.Fprint(t, text)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// cuts reports whether long values of a column of an operation's table are cut.
func cuts(o *console.Operation, column string) bool {
	return slices.ContainsFunc(o.Rows, func(f console.Field) bool {
		return f.Name == column && f.Short
	})
}

// cut returns the beginning of a text if it is longer than some characters.
func cut(text string, most int) string {
	if c := []rune(text); len(c) > most {
		return string(c[:most-1]) + "…"
	}
	return text
}

// controlSocket returns the path of the control socket: that of the flag, of the configuration, or
// the default. An error in the configuration is in the way only if nobody listens there: a server
// that has refused to reload a file is still there to be told things. A file that is not there says
// nothing of a socket, and the default may be that of another server.
func controlSocket(socket, file string) (string, error) {
	if socket != "" {
		return socket, nil
	}
	cfg, found := readConfig(file)
	path, err := socketOf(cfg, file)
	if wrong := found.Err(); wrong != nil {
		if err == nil {
			_, err = os.Stat(path)
		}
		if err == nil {
			_, err = os.Stat(file)
		}
		if err != nil {
			return "", wrong
		}
	}
	return path, err
}

// socketOf returns the path of the control socket of a configuration.
func socketOf(cfg *config.Config, file string) (string, error) {
	switch {
	case cfg.Console.Socket == "":
		return "", fmt.Errorf("%s: control.socket is empty: the server has no control socket", file)
	case cfg.Console.Socket == console.AutoSocket:
		return findSocket()
	}
	return cfg.Console.Socket, nil
}

// readable prints a value of JSON for people: numbers without an exponent, lists with commas.
func readable(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, readable(item))
		}
		return strings.Join(items, ", ")
	case []string:
		return strings.Join(v, ", ")
	case map[string]any:
		var items []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			items = append(items, k+" at "+readable(v[k]))
		}
		return strings.Join(items, "; ")
	}
	return fmt.Sprint(v)
}
