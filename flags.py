"""The flags of main.py. Settings are defined in dcgan_tf/settings/config.py, all others in dcgan_tf/cli/commands.py."""

from dcgan_tf.cli.flags import help_text

if __name__ == "__main__":
    print(help_text())
