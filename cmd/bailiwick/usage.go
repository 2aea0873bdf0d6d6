// Errors for wrong use of the command line, with what was probably meant.

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"bailiwick/internal/config"
)

// exitStatuses explains the exit statuses in the help.
const exitStatuses = "Exit status: 0 done; 1 it failed, or the configuration is wrong; " +
	"2 wrong use of the command line, or the name does not resolve."

// statusUsage is the exit status after wrong use.
const statusUsage = 2

// elsewhere has advice for commands of other servers that this one lacks.
var elsewhere = map[string]string{
	"reload":   "did you mean bailiwick ctl reload?",
	"stop":     "did you mean SIGTERM? It ends a server in an orderly way.",
	"shutdown": "did you mean SIGTERM? It ends a server in an orderly way.",
	"restart":  "did you mean the service manager's, such as systemctl restart?",
	"start":    "did you mean bailiwick serve?",
	"run":      "did you mean bailiwick serve?",
	"dig":      "did you mean bailiwick query?",
	"metrics": "did you mean the address at admin.listen, " +
		"http://127.0.0.1:5380/metrics by default?",
}

// wrongUse returns an error in the use of the command line.
func wrongUse(format string, args ...any) error {
	return &exitError{fmt.Errorf(format, args...), statusUsage}
}

// run executes a command line. Unknown commands, flags and arguments are errors with a status of
// their own, at each level: a script with a typing error must not continue as if all were well.
func run(root *cobra.Command, args []string) error {
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	strict(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return wrongUse("%v%s; see %s --help", err, suggestFlag(cmd, err), cmd.CommandPath())
	})
	// Cobra prints help and reports success before it looks at the arguments.
	var wrong error
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if rest := cmd.Flags().Args(); cmd.HasSubCommands() && len(rest) > 0 {
			wrong = unknownCommand(cmd, rest[0])
			return
		}
		help(cmd, args)
	})
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		return err
	}
	return wrong
}

// helpInstead prints the help of a command that cannot be without a subcommand.
func helpInstead(cmd *cobra.Command) error {
	cmd.SetOut(cmd.ErrOrStderr())
	_ = cmd.Help() // if standard error fails there is no other place to report it
	return &exitError{nil, statusUsage}
}

// strict makes a command and its subcommands refuse unknown arguments.
func strict(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
	if cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs // otherwise cobra reports the error, and only at the root
		alone := cmd.RunE              // what it does without a subcommand, if anything
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case alone != nil:
				return alone(cmd, args)
			}
			return helpInstead(cmd)
		}
		cmd.ValidArgsFunction = cobra.NoFileCompletions
		return
	}
	accept := cmd.Args
	if accept == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if accept(cmd, args) == nil {
			return nil
		}
		usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
		for n := len(args) - 1; n >= 0; n-- {
			if accept(cmd, args[:n]) == nil {
				meant := ""
				if e := filepath.Ext(args[n]); cmd.Flags().Lookup("config") != nil &&
					(e == ".yaml" || e == ".yml" || e == ".conf") {
					meant = "; did you mean --config " + args[n] + "?"
				}
				return wrongUse("%s: %q is too much; usage: %s%s", cmd.CommandPath(), args[n],
					usage, meant)
			}
		}
		return wrongUse("%s: an argument is missing; usage: %s", cmd.CommandPath(), usage)
	}
}

// unknownCommand returns an error that names the command that was probably meant.
func unknownCommand(cmd *cobra.Command, typed string) error {
	var names []string
	meant := ""
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		names = append(names, sub.Name())
		if slices.Contains(sub.SuggestFor, typed) {
			meant = sub.Name()
		}
	}
	how, known := elsewhere[typed]
	if meant == "" && !known {
		meant = config.Nearest(typed, names)
	}
	text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), typed)
	switch {
	case cmd.HasParent() && cmd.Runnable() && slices.Contains([]string{"list", "show"}, typed):
		text += fmt.Sprintf("; did you mean %s?", cmd.CommandPath()) // it lists by itself
	case meant != "":
		text += fmt.Sprintf("; did you mean %s %s?", cmd.CommandPath(), meant)
	case known:
		text += "; " + how
	default:
		text += "."
	}
	return wrongUse("%s Its commands are %s.", text, strings.Join(names, ", "))
}

// suggestFlag returns a text with the flag that was probably meant, "" if there is none.
func suggestFlag(cmd *cobra.Command, err error) string {
	// Other commands are told of their configuration by a flag, and those about files have it as
	// their argument.
	if strings.HasPrefix(err.Error(), "unknown shorthand flag: 'c'") ||
		strings.HasPrefix(err.Error(), "unknown flag: --config") {
		if usage := strings.TrimSuffix(cmd.UseLine(), " [flags]"); strings.Contains(usage, "FILE") {
			return "; did you mean " + usage + "?"
		}
	}
	_, typed, ok := strings.Cut(err.Error(), "unknown flag: --")
	if !ok {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if meant := config.Nearest(typed, names); meant != "" {
		return "; did you mean --" + meant + "?"
	}
	return ""
}

// helpCommand returns the command help, which refuses names of unknown commands.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about := cmd.Root()
			for _, a := range args {
				i := slices.IndexFunc(about.Commands(),
					func(c *cobra.Command) bool { return c.Name() == a })
				if i < 0 {
					return unknownCommand(about, a)
				}
				about = about.Commands()[i]
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string,
			_ string) (names []cobra.Completion,
			_ cobra.ShellCompDirective) {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// completeConfig completes names of configuration files.
func completeConfig(*cobra.Command, []string, string) ([]cobra.Completion,
	cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
