// The abbreviations of Lean's editors, such as `\alpha`; only the common ones (@leanprover/unicode-input, Apache-2.0).

const SIGNS = {
  "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
  "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
  "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda":
  "Λ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "a": "α", "b": "β", "g": "γ", "d": "↓", "e":
  "ε", "l": "←", "lam": "λ", "fun": "λ", "forall": "∀", "all": "∀", "exists": "∃", "ex": "∃", "nexists": "∄", "and":
  "∧", "or": "∨", "not": "¬", "iff": "↔", "to": "→", "r": "→", "leftarrow": "←", "rightarrow": "→", "mapsto": "↦",
  "gets": "←", "in": "∈", "notin": "∉", "mem": "∈", "nin": "∉", "sub": "⊆", "subset": "⊆", "subseteq": "⊆", "ssub":
  "⊂", "sup": "⊔", "un": "∪", "union": "∪", "inter": "∩", "cap": "∩", "cup": "∪", "empty": "∅", "emptyset": "∅", "N":
  "ℕ", "Z": "ℤ", "Q": "ℚ", "R": "ℝ", "C": "ℂ", "nat": "ℕ", "int": "ℤ", "rat": "ℚ", "real": "ℝ", "bn": "ℕ", "bz": "ℤ",
  "bq": "ℚ", "br": "ℝ", "bc": "ℂ", "le": "≤", "ge": "≥", "leq": "≤", "geq": "≥", "ne": "≠", "neq": "≠", "equiv": "≃",
  "approx": "≈", "sim": "∼", "cong": "≅", "<": "⟨", ">": "⟩", "langle": "⟨", "rangle": "⟩", "comp": "∘", "circ": "∘",
  "times": "×", "x": "×", "cdot": "·", ".": "·", "sum": "∑", "prod": "∏", "integral": "∫", "infty": "∞", "inf": "⊓",
  "top": "⊤", "bot": "⊥", "sqrt": "√", "-": "⁻¹", "-1": "⁻¹", "inv": "⁻¹", "^-1": "⁻¹", "0": "₀", "1": "₁", "2": "₂",
  "3": "₃", "4": "₄", "5": "₅", "6": "₆", "7": "₇", "8": "₈", "9": "₉", "_0": "₀", "_1": "₁", "_2": "₂", "_3": "₃",
  "_i": "ᵢ", "_j": "ⱼ", "_n": "ₙ", "_a": "ₐ", "^2": "²", "^3": "³", "^n": "ⁿ", "f<<": "«", "f>>": "»", "<<": "⟪",
  ">>": "⟫", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "||": "‖", "|": "∣", "dvd": "∣", "mid": "∣",
  "nmid": "∤", "t": "▸", "|-": "⊢", "goal": "⊢", "vdash": "⊢", "oplus": "⊕", "otimes": "⊗", "setminus": "\\", "\\":
  "\\", "smul": "•", "bub": "•", "u": "↑", "partial": "∂", "nabla": "∇", "ell": "ℓ", "prime": "′", "heq": "≍", "==":
  "≡", "hom": "⟶", "iso": "≅", "lub": "⊔", "glb": "⊓", "bigcup": "⋃", "bigcap": "⋂", "Union": "⋃", "Inter": "⋂", "bu":
  "•",
};
const TYPED = /\\([^\s\\]+)$/;
const ENDS = /[\s)\],;]/;

/** Return a word in which the sign replaces the abbreviation at the beginning: `alpha)` gives `α)`. */
function read(word) {
  for (let length = word.length; length; length--) {
    const sign = SIGNS[word.slice(0, length)];
    if (sign) return sign + word.slice(length);
  }
  return null;
}

/** Make a text box turn `\alpha` into α when a space, bracket, comma or Tab follows. */
export function abbreviate(box) {
  function replace(end) {
    const [typed, word] = box.value.slice(0, end).match(TYPED) ?? [];
    const text = word && read(word);
    if (!text) return false;
    const caret = box.selectionStart - typed.length + text.length;
    box.setRangeText(text, end - typed.length, end);
    box.setSelectionRange(caret, caret);
    box.dispatchEvent(new Event("input"));
    return true;
  }

  box.addEventListener("input", (event) => {
    if (event.inputType === "insertText" && ENDS.test(event.data ?? "")) replace(box.selectionStart - event.data.length);
    else if (event.inputType === "insertLineBreak") replace(box.selectionStart - 1);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.shiftKey && replace(box.selectionStart)) event.preventDefault();
  });
}
