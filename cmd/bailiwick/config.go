package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"bailiwick/internal/config"
)

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and show configurations"}
	cmd.AddCommand(&cobra.Command{
		Use:               "check FILE",
		Short:             "Say everything that is wrong with a configuration",
		Args:              cobra.ExactArgs(1),
		SuggestFor:        []string{"lint", "validate", "test", "verify"},
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(args[0])
			if err != nil {
				return err
			}
			if _, err := loadAnchors(cfg); err != nil {
				return err
			}
			if _, err := resolverConfig(cfg); err != nil {
				return err
			}
			if _, err := loadCertificates(cfg); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), args[0]+": good")
			return nil
		},
	}, &cobra.Command{
		Use:               "show [FILE]",
		Short:             "Print the complete configuration: the file's values, and the defaults of all others",
		Args:              cobra.MaximumNArgs(1),
		SuggestFor:        []string{"dump", "print", "view", "default", "defaults"},
		ValidArgsFunction: completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) > 0 {
				file = args[0]
			}
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			return cfg.Show(cmd.OutOrStdout())
		},
	}, &cobra.Command{
		Use:               "schema",
		Short:             "Print the JSON schema of configurations",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return config.Schema(cmd.OutOrStdout()) },
	}, dnrCommand())
	return cmd
}
