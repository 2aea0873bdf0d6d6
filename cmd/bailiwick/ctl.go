package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"bailiwick/internal/console"
)

func ctlCommand() *cobra.Command {
	var socket, file string
	call := func(cmd *cobra.Command, r console.Request) error {
		path, err := controlSocket(socket, file)
		if err != nil {
			return err
		}
		data, err := console.Call(path, r)
		if err != nil {
			return err
		}
		for _, k := range slices.Sorted(maps.Keys(data)) {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %v\n", k, plainNumber(data[k]))
		}
		return nil
	}
	cmd := &cobra.Command{Use: "ctl", Short: "Talk to a running server over its control socket"}
	cmd.PersistentFlags().StringVarP(&socket, "socket", "s", "",
		"control socket's `PATH`; without it that of the configuration, or the usual place")
	cmd.PersistentFlags().StringVarP(&file, "config", "c", "", "configuration `FILE` of the server")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	var subtree bool
	flush := &cobra.Command{
		Use:               "flush NAME",
		Short:             "Forget what is known of a name, and its zone's delegation, DS and keys",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"purge", "clear", "drop", "forget", "wipe", "flushname"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return call(cmd, console.Request{Command: "flush", Name: args[0], Subtree: subtree})
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
			d, err := time.ParseDuration(args[0])
			if err != nil {
				return fmt.Errorf("%q is no duration such as 1h0m0s", args[0])
			}
			return call(cmd, console.Request{Command: "clock", Advance: d})
		},
	})
	cmd.AddCommand(flush, clock, &cobra.Command{
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
			return call(cmd, console.Request{Command: "reload"})
		},
	}, &cobra.Command{
		Use:               "status",
		Short:             "Show how the server is",
		Args:              cobra.NoArgs,
		SuggestFor:        []string{"stats", "info", "state", "show"},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return call(cmd, console.Request{Command: "status"})
		},
	})
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
