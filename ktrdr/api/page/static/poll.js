// Polls often while something runs, slowly while nothing does, and stops while the tab is hidden.

const BUSY_MS = 1500;
const IDLE_MS = 5000;
const LONGEST_MS = 30000;

// `question` returns whether something runs, and throws if it got no answer.
export function poll(question, onFailure) {
  let timer = 0;
  let failures = 0;
  let asking = false;

  async function turn() {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    let wait = IDLE_MS;
    try {
      wait = (await question()) ? BUSY_MS : IDLE_MS;
      failures = 0;
    } catch (error) {
      wait = Math.min(BUSY_MS * 2 ** failures, LONGEST_MS);
      failures += 1;
      onFailure(error, wait);
    } finally {
      asking = false;
    }
    timer = setTimeout(turn, wait);
  }

  document.addEventListener("visibilitychange", turn);
  window.addEventListener("online", turn);
  turn();
  return turn;
}
