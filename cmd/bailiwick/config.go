package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
	"bailiwick/internal/snapshot"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show configurations"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check FILE",
		Short: "Say everything that is wrong with a configuration, or dangerous",
		Long: "Say everything that is wrong with a configuration: whatever serve would refuse, " +
			"short of opening its sockets, and anchors that match no key. What is lawful and " +
			"dangerous is a warning. Each finding begins with file, line and column. Of " +
			"policy.access it says who may ask.\n\n" +
			"Exit status: 0 good, with warnings or without; 1 not.",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"lint", "validate", "test", "verify"},
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, found := readConfig(args[0])
			_, more := snapshot.Load(cfg)
			found = append(found, more...).Sorted()
			if err := refuse(cmd.ErrOrStderr(), args[0], found); err != nil {
				return err
			}
			good := args[0] + ": good"
			if n := len(found); n > 0 {
				good += ", with " + plural(n, "warning")
			}
			fmt.Fprintln(cmd.OutOrStdout(), good)
			if cfg.Given("policy.access") {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: policy.access: %s\n", args[0], cfg.WhoMayAsk())
			}
			return nil
		},
	}, &cobra.Command{
		Use: "show [FILE]",
		Short: "Print the complete configuration: the file's values, and the defaults of " +
			"all others",
		Args:              cobra.MaximumNArgs(1),
		SuggestFor:        []string{"dump", "print", "view", "default", "defaults"},
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) > 0 {
				file = args[0]
			}
			cfg, found := readConfig(file)
			if err := refuse(cmd.ErrOrStderr(), file, found); err != nil {
				return err
			}
			return cfg.Show(cmd.OutOrStdout())
		},
	}, &cobra.Command{
		Use:               "schema",
		Short:             "Print the JSON schema of configurations",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return config.Schema(cmd.OutOrStdout())
		},
	}, configDiffCommand(), dnrCommand())
	return cmd
}
