// The commands install and uninstall.

package main

import (
	"github.com/spf13/cobra"
)

// installation is a run of the command install or uninstall, by its flags.
type installation struct {
	root, config string
	print        bool
}

func installCommand() *cobra.Command {
	var f installation
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install the server as a service, and have this machine's programs ask it",
		Long: "Copy this program to /usr/local/bin, install and start its systemd unit, wait " +
			"until it answers, and have programs ask it: by /etc/resolv.conf, and by drop-ins " +
			"for systemd-resolved, NetworkManager and dhclient where they are. Nothing of others " +
			"is overwritten but /etc/resolv.conf, which bailiwick uninstall puts back. If a step " +
			"fails, all are undone.\n\nLinux with systemd alone.\n" + exitStatuses,
		Example: "  bailiwick install --print\n  sudo bailiwick install\n" +
			"  sudo bailiwick install --config mine.yaml",
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.install(cmd) },
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "`FILE` that becomes "+usualConfig+
		", if there is none (default: this machine alone at 127.0.0.1)")
	cmd.Flags().BoolVar(&f.print, "print", false,
		"print every file and command, and change nothing")
	cmd.Flags().StringVar(&f.root, "root", "/",
		"`FOLDER` of a machine that does not run: files alone, and no command is run")
	_ = cmd.RegisterFlagCompletionFunc("config", completeConfig) // the flag is there
	return cmd
}

func uninstallCommand() *cobra.Command {
	var f installation
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Undo bailiwick install: every file is as it was",
		Long: "Undo bailiwick install, also one that has ended halfway: programs ask whom they " +
			"asked before, the service is ended and removed, and every file is as it was. What " +
			"was changed by others since is left as it is, and listed.\n\n" + exitStatuses,
		Example: "  sudo bailiwick uninstall",
		Args:    cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.uninstall(cmd) },
	}
	cmd.Flags().StringVar(&f.root, "root", "/",
		"`FOLDER` of a machine that does not run: files alone, and no command is run")
	return cmd
}
