followTheme();
