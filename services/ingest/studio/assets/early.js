// Runs before the first paint, so that a chosen theme does not flash; a module would be too late.
try {
  const chosen = localStorage.getItem("motif-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch { /* no storage: the system's theme it is */ }
