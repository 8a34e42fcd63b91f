try {
  const theme = localStorage.getItem("toolwise-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) { /* storage may be closed to files; the system's preference then holds */ }
document.documentElement.classList.add("js");
