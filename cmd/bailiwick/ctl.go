package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/console"
)

// ctl is what all commands of `bailiwick ctl` share: where the server is and how its reply is
// printed.
type ctl struct {
	socket, file string
	json         bool
}

// call sends a command with its arguments, given as names and values in turn, and prints the reply.
func (c *ctl) call(cmd *cobra.Command, command string, args ...string) error {
	path, err := controlSocket(c.socket, c.file)
	if err != nil {
		return err
	}
	r := console.Request{Command: command, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		r.Args[args[i]] = args[i+1]
	}
	result, err := console.Call(path, r)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(cmd.OutOrStdout(), result)
	}
	return printText(cmd.OutOrStdout(), result)
}

// printJSON prints the fields of a result as one object, with the rows as objects under "rows".
func printJSON(w io.Writer, r console.Result) error {
	o := map[string]any{}
	maps.Copy(o, r.Fields)
	if r.Columns != nil {
		rows := make([]map[string]any, len(r.Rows))
		for i, row := range r.Rows {
			rows[i] = map[string]any{}
			for j, v := range row[:min(len(row), len(r.Columns))] {
				rows[i][r.Columns[j]] = v
			}
		}
		o["rows"] = rows
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(o)
}

// printText prints the fields of a result, a line each, and then its table.
func printText(w io.Writer, r console.Result) error {
	for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
		fmt.Fprintf(w, "%s: %v\n", k, plainNumber(r.Fields[k]))
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
			fmt.Fprint(t, plainNumber(v))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func ctlCommand() *cobra.Command {
	c := &ctl{}
	cmd := &cobra.Command{Use: "ctl", Short: "Talk to a running server over its control socket"}
	cmd.PersistentFlags().StringVarP(&c.socket, "socket", "s", "",
		"control socket's `PATH`; without it that of the configuration, or the usual place")
	cmd.PersistentFlags().StringVarP(&c.file, "config", "c", "",
		"configuration `FILE` of the server")
	cmd.PersistentFlags().BoolVar(&c.json, "json", false, "print the reply as JSON")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	var subtree bool
	flush := &cobra.Command{
		Use:               "flush NAME",
		Short:             "Forget what is known of a name, and its zone's delegation, DS and keys",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"purge", "clear", "drop", "forget", "wipe", "flushname"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.call(cmd, "flush", "name", args[0], "subtree", strconv.FormatBool(subtree))
		},
	}
	flush.Flags().BoolVar(&subtree, "subtree", false, "and of everything below it")
	clock := &cobra.Command{Use: "clock",
		Short: "Move the server's clock (builds with the tag testclock only)"}
	clock.AddCommand(&cobra.Command{
		Use:               "advance DURATION",
		Short:             "Let time pass, for example 1h0m0s",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := time.ParseDuration(args[0]); err != nil {
				return fmt.Errorf("%q is no duration such as 1h0m0s", args[0])
			}
			return c.call(cmd, "clock", "duration", args[0])
		},
	})
	cmd.AddCommand(c.drainCommand(), c.upgradeCommand(), c.servers(), c.forwards(),
		c.cookies(), c.viewsCommand())
	cmd.AddCommand(flush, clock, c.nta(), c.policyCommand(), c.zonesCommand(), &cobra.Command{
		Use:   "reload",
		Short: "Read the configuration again, and use all of it or nothing",
		Long: "Read the configuration again, as SIGHUP does. If anything is wrong with it, all " +
			"errors are listed and everything stays as it is. Otherwise the new one is in use " +
			"afterwards: listeners that are in both stay open with their connections, and no " +
			"query is lost. What can change at a restart only is listed.\n\n" +
			"Exit status: 0 in use; 1 refused.",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"reconfig", "reread", "refresh", "hup"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "reload")
		},
	}, &cobra.Command{
		Use:               "status",
		Short:             "Show how the server is",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"stats", "info", "state", "show"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.call(cmd, "status")
		},
	})
	cmd.AddCommand(c.anchors())
	return cmd
}

// controlSocket returns the path of the control socket: that of the flag, of the configuration, or
// the default.
func controlSocket(socket, file string) (string, error) {
	if socket != "" {
		return socket, nil
	}
	cfg, found := readConfig(file)
	switch {
	case found.Err() != nil:
		return "", found.Err()
	case cfg.Console.Socket == "":
		return "", fmt.Errorf("%s: control.socket is empty: the server has no control socket", file)
	case cfg.Console.Socket == console.AutoSocket:
		return findSocket()
	}
	return cfg.Console.Socket, nil
}

// plainNumber prints JSON's numbers without an exponent.
func plainNumber(v any) any {
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		return int64(f)
	}
	return v
}
