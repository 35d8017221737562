// A transaction for a wallet of one's own: signed by what the browser has (EIP-1193), then followed.

const paper = document.querySelector("[data-transaction]");
const say = (text, bad) => {
  const state = document.getElementById("state");
  state.textContent = text;
  state.classList.toggle("bad", Boolean(bad));
};

async function connect(wanted, chainId) {
  if (!window.ethereum) throw new Error("This browser has no wallet. Sign it elsewhere, and say below by which hash it was sent.");
  const accounts = await window.ethereum.request({method: "eth_requestAccounts"});
  const account = accounts.find((one) => !wanted || one.toLowerCase() === wanted.toLowerCase());
  if (!account) throw new Error(`Your wallet offers ${accounts.join(", ") || "no account"}; this takes ${wanted}. Nothing was sent.`);
  const chain = `0x${Number(chainId).toString(16)}`;
  if ((await window.ethereum.request({method: "eth_chainId"})).toLowerCase() !== chain) await window.ethereum.request({method: "wallet_switchEthereumChain", params: [{chainId: chain}]});
  return account;
}

async function send({from, to, value, chain}, data) {
  const account = await connect(from, chain);
  say("Your wallet asks you to confirm.");
  return window.ethereum.request({method: "eth_sendTransaction", params: [{from: account, to, data, value}]});
}

if (paper) {
  const form = document.querySelector("form[data-sent]"), button = document.querySelector("button[data-send]");
  if (button) button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      form.elements.tx_hash.value = await send(paper.dataset, document.getElementById("data").textContent.trim());
      say("Sent.");
      form.submit();
    } catch (error) {
      button.disabled = false;
      say(error.message, true);
    }
  });
  if (["sent", "included"].includes(paper.dataset.status)) {
    const look = async () => {
      const answer = await fetch(`/v1/transactions/${paper.dataset.transaction}`);
      if (answer.ok && (await answer.json()).status !== paper.dataset.status) location.reload();
      else setTimeout(look, 1000);
    };
    setTimeout(look, 1000);
  }
}

// A wallet that is to be linked: its address by the wallet itself, and its signature under the message.
const linking = document.querySelector("form[data-link]");
if (linking && window.ethereum) {
  const ask = document.querySelector("button[data-connect]"), sign = document.querySelector("button[data-sign]");
  for (const button of [ask, sign]) if (button) button.hidden = false;
  if (ask) ask.addEventListener("click", async () => {
    try { linking.elements.wallet.value = await connect(null, linking.dataset.chain); } catch (error) { say(error.message, true); }
  });
  if (sign) sign.addEventListener("click", async () => {
    try {
      const message = linking.elements.message.value, account = await connect(linking.dataset.wallet, linking.dataset.chain);
      const bytes = "0x" + [...new TextEncoder().encode(message)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      linking.elements.signature.value = await window.ethereum.request({method: "personal_sign", params: [bytes, account]});
      linking.requestSubmit();
    } catch (error) { say(error.message, true); }
  });
}
