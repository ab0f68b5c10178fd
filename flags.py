"""The flags of main.py, which dcgan_tf/settings (config.py, options.py) and dcgan_tf/cli/commands.py define."""

from dcgan_tf.cli.flags import help_text

if __name__ == "__main__":
    print(help_text())
